# SPDX-License-Identifier: Apache-2.0
"""Tests of what a VNF may believe and do."""
