# SPDX-License-Identifier: Apache-2.0
"""A ledger for the configuration and migration of network functions.

``core`` decides what is true and does nothing else; the adapters around it
(``storage``, ``keystore``, ``transport``, ``messaging``) touch the world; the
services (``node``, ``vnf_client``, ``tenant_client``) put the two together;
``api``, ``osc`` and ``cmd`` are the front ends.  Imports point inwards only.
"""
