# SPDX-License-Identifier: Apache-2.0
"""The ledger: transactions, state, blocks, and what proves them.

``identifiers``, ``transaction`` and ``payload`` are what tenants, VNFs and
vendors say (S0 section III.C), ``authoring`` how they say and read it;
``state`` what a transaction may do, ``state_map`` the one root over it,
``block`` what consensus certifies, ``validation`` the checks of a node.
``federation``, ``certificate``, ``light_client`` and ``answer`` are about
whom to believe; ``application`` is the whole as an engine sees it.

Bytes become values in the ``from_bytes`` of each format, which accepts one
encoding per value; the specification has a page on each.
"""
