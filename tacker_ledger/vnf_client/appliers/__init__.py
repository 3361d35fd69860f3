# SPDX-License-Identifier: Apache-2.0
"""Drivers which put configurations in force (``tacker_ledger.appliers``)."""
