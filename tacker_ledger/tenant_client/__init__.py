# SPDX-License-Identifier: Apache-2.0
"""The tenant client (S0 Fig. 5): keys, publishing, requests, migration.

It runs anywhere, listens on nothing, and believes no node: what it reads is
proven against certified heads, what it writes is waited for with a proof.
:class:`~tacker_ledger.tenant_client.client.TenantClient` is the way in.
"""
