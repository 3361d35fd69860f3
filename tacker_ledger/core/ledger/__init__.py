# SPDX-License-Identifier: Apache-2.0
"""The ledger: transactions, state, blocks, and what proves them."""
