# SPDX-License-Identifier: Apache-2.0
"""The publisher: searcher, sender and info provider (S1, Fig. 15)."""
