# SPDX-License-Identifier: Apache-2.0
"""``openstack vnf ledger ...``: the tenant client on the command line."""
