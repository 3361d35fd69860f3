# SPDX-License-Identifier: Apache-2.0
"""Logs whose alteration shows: S1's secure entries and checkpoints."""
