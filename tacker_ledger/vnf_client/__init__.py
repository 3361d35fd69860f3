# SPDX-License-Identifier: Apache-2.0
"""The VNF client module of S0 (Fig. 4): the agent inside a VNF.

It asks, and is never asked: no socket listens.  ``service`` is the loop,
``fetch`` brings proven answers from nodes, ``decision`` handles what is new,
``apply`` and ``reverter`` change the VNF or put it back, ``reporter`` tells
the tenant, ``state`` is what survives a restart.
"""
