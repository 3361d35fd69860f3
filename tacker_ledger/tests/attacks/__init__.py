# SPDX-License-Identifier: Apache-2.0
"""One test per attack, each named after the attack it repels."""
