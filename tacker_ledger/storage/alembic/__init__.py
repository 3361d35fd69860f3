# SPDX-License-Identifier: Apache-2.0
"""Migrations of the anchors' tables; the index needs none."""
