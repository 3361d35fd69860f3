# SPDX-License-Identifier: Apache-2.0
"""Consensus engines (``tacker_ledger.engines``): how members agree."""
