# SPDX-License-Identifier: Apache-2.0
"""The Bitcoin node: asking it, paying for anchors, proof files."""
