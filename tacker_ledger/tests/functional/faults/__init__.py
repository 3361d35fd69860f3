# SPDX-License-Identifier: Apache-2.0
"""Real nodes that are cut off, killed, starved, lied to and flooded."""
