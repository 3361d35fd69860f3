# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger receipt``: what VNFs say they did."""

import argparse

from osc_lib.i18n import _

from tacker_ledger.osc.v1 import base


class ListReceipt(base.Lister):
    _description = _('List the receipts of a VNF, complete by proof')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--vnf', metavar='<vnf>',
                            help=_('Only those of this VNF'))
        base.add_key(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        rows = []
        with self.tenant() as tenant:
            key = tenant.keys.choose(parsed_args.key)
            vnfs = ([tenant.vnfs.find(parsed_args.vnf)] if parsed_args.vnf
                    else tenant.vnfs.list_all())
            for vnf in vnfs:
                for receipt in tenant.receipts.list_all(vnf, key):
                    payload, placed = receipt.payload, receipt.opened.placed
                    rows.append((
                        placed.place, vnf.name,
                        payload.outcome.name.lower().replace('_', '-'),
                        payload.cid.hex(), payload.vid,
                        base.escape(payload.code),
                        base.escape(payload.detail),
                        '' if payload.announcement is None else
                        payload.announcement.document.key_id.hex(),
                        placed.height, placed.transaction.txid.hex()))
        return (('vnf', 'outcome', 'cid', 'vid', 'code', 'detail', 'new_key',
                 'height', 'transaction'),
                [row[1:] for row in sorted(rows)])
