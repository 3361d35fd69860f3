# SPDX-License-Identifier: Apache-2.0
"""Tests of single modules; the folders mirror those of tacker_ledger."""
