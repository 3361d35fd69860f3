# SPDX-License-Identifier: Apache-2.0
"""Tests of what a VNF and a migrating tenant decide."""
