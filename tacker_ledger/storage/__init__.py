# SPDX-License-Identifier: Apache-2.0
"""Where a node keeps its chain, state, votes and index."""
