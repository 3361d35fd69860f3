# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger node``: the members of the federation."""

import argparse
from typing import Any

from osc_lib.i18n import _

from tacker_ledger.core import errors
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import client


class ListNode(base.Lister):
    _description = _('List the members of the federation in force and what '
                     'each says about itself')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--no-status', dest='ask', action='store_false',
            help=_('Only show what the federation document says'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        rows = []
        with self.tenant() as tenant:
            if parsed_args.ask:
                # Learn of a newer federation document first.
                tenant.ledger.head()
            urls = {member: url for url, member in tenant.ledger.nodes()}
            members = tenant.ledger.trusted.federation.members
            for index, member in enumerate(members):
                status = (self._status(tenant, index)
                          if parsed_args.ask else {})
                rows.append((
                    index, member.name, urls.get(index, member.door_url),
                    status.get('state', ''), status.get('height', ''),
                    status.get('view', ''), status.get('peers_up', ''),
                    base.escape(str(status.get('version', ''))),
                    member.node_key.key_id.hex()))
            lies = [(offence.node.url, offence.code)
                    for offence in tenant.ledger.client.pool.offences()]
        for url, code in lies:
            self.log.warning('%s gave a false answer: %s', url, code)
        return (('member', 'name', 'url', 'state', 'height', 'view',
                 'peers_up', 'version', 'node_key'), rows)

    @staticmethod
    def _status(tenant: client.TenantClient, member: int) -> dict[str, Any]:
        for node in tenant.ledger.client.pool.nodes():
            if node.member == member:
                try:
                    status = tenant.ledger.client.status(node=node)
                except errors.LedgerError as error:
                    return {'state': error.code}
                healthy = status.get('healthy')
                status['state'] = ('up' if healthy else base.escape(
                    str(status.get('reason') or 'unhealthy')))
                return status
        return {'state': 'not asked'}
