# SPDX-License-Identifier: Apache-2.0
"""The validator: OP_RETURN reader and hash comparator (S1, Fig. 16)."""
