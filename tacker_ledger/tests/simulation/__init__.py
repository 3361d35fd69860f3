# SPDX-License-Identifier: Apache-2.0
"""Whole federations under a virtual clock, driven from one seed."""
