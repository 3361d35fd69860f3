# SPDX-License-Identifier: Apache-2.0
"""Secure logs: logger, publisher, validator and client (S1, Fig. 14)."""
