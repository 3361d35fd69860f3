# SPDX-License-Identifier: Apache-2.0
"""The ledger node: pool, batching, consensus engine, storage, query."""
