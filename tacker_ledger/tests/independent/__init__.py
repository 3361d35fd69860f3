# SPDX-License-Identifier: Apache-2.0
"""A second reader of the ledger, written from the specification.

Nothing here imports the product, so that one mistake cannot hide in both: it
stands on the standard library, on ``cryptography`` and on the pages below
``doc/source/contributor/spec``.  Where this package and the product disagree,
a page is wrong, or silent, or one of the two programs has a fault.

It is written to be read beside those pages: one module for each of them, the
checks in their order, no care for speed.  ``python -m
tacker_ledger.tests.independent EXPORT --chain-id HEX`` verifies an exported
chain from its genesis.
"""
