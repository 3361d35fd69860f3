# SPDX-License-Identifier: Apache-2.0
"""Tests: unit, functional, simulation and attacks."""
