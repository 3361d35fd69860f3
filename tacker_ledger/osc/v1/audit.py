# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger audit``: the full history of a configuration."""

import argparse
import sys
from typing import Any

from osc_lib.i18n import _
import tqdm

from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import audit
from tacker_ledger.tenant_client import client

_COLUMNS = ('vid', 'kind', 'height', 'index', 'block_time', 'sender',
            'recipient', 'signers', 'quorum', 'transaction')


class ShowAudit(base.Lister):
    _description = _('List every transaction of a configuration with its '
                     'proof; with --export from exported files alone, '
                     'verified from genesis, asking no node')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('configuration', metavar='<configuration>',
                            help=_('CID, or its name here'))
        parser.add_argument(
            '--export', metavar='<path>', default='',
            help=_('Exported chain: a file or a directory of files'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            cid = tenant.context.cid_of(parsed_args.configuration)
            if parsed_args.export:
                entries = self._offline(tenant, parsed_args.export, cid)
            else:
                entries = tuple(tenant.audit.history(cid))
            return _COLUMNS, [self._values(tenant, entry)
                              for entry in entries]

    @staticmethod
    def _values(tenant: client.TenantClient, entry: audit.Entry
                ) -> tuple[Any, ...]:
        transaction = entry.placed.transaction
        content = transaction.content
        return (content.vid, entry.kind, entry.placed.height,
                entry.placed.index, base.show_time(entry.time_ms),
                base.label(tenant, transaction.sender_id),
                base.label(tenant, content.recipient_id),
                ', '.join(entry.signers), entry.quorum,
                transaction.txid.hex())

    def _offline(self, tenant: client.TenantClient, path: str, cid: bytes
                 ) -> tuple[audit.Entry, ...]:
        total = sum(file.stat().st_size for file in audit.export_files(path))
        with tqdm.tqdm(total=total, unit='B', unit_scale=True,
                       file=sys.stderr,
                       disable=not sys.stderr.isatty()) as bar:
            found = tenant.audit.offline(
                path, cid, lambda done: bar.update(done - bar.n))
        self.app.stderr.write(
            f'Verified {found.height} blocks with {found.transactions} '
            f'transactions from genesis; head {found.digest.hex()} at '
            f'{base.show_time(found.time_ms)}.\n')
        if not found.is_complete:
            self.app.stderr.write(
                'NOT COMPLETE: this export lacks the bodies of blocks below '
                f'height {found.bodies_from}; of those, headers and '
                'certificates alone were verified, and entries may be '
                'missing. An archive has them.\n')
        return found.entries
