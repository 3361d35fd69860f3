# SPDX-License-Identifier: Apache-2.0
"""Functional tests of secure logs: real broker, database, Bitcoin node."""
