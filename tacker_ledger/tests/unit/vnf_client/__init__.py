# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent inside a VNF."""
