# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger block``: blocks and what certifies them."""

import argparse
from typing import Any

from osc_lib.i18n import _

from tacker_ledger.core import errors
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import blocks

_LIST_MAX_COUNT = 1000


def _shown(view: blocks.BlockView) -> dict[str, Any]:
    header = view.header
    return {'height': header.height, 'digest': view.digest.hex(),
            'time': base.show_time(header.timestamp_ms),
            'transactions': len(view.transactions),
            'proposer': header.proposer, 'parent': header.parent.hex(),
            'transactions_root': header.transactions_root.hex(),
            'state_root': header.state_root.hex(),
            'federation': header.federation.hex(),
            'signers': ', '.join(view.signers), 'quorum': view.quorum,
            'view': view.view, 'proven_by': view.proven_by}


def _add_height(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('height', metavar='<height>', type=int,
                        help=_('Height of the block'))


class ListBlock(base.Lister):
    _description = _('List the newest blocks')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--limit', metavar='<n>', type=int, default=10,
                            help=_('At most so many, default: 10'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        if not 0 < parsed_args.limit <= _LIST_MAX_COUNT:
            raise errors.BadOption(f'--limit is 1 to {_LIST_MAX_COUNT}.')
        rows = []
        with self.tenant() as tenant:
            newest = tenant.ledger.head().height
            for height in range(newest, max(-1, newest - parsed_args.limit),
                                -1):
                shown = _shown(tenant.blocks.read(height))
                rows.append(tuple(shown[name] for name in (
                    'height', 'time', 'transactions', 'digest', 'signers')))
        return ('height', 'time', 'transactions', 'digest', 'signers'), rows


class ShowBlock(base.ShowOne):
    _description = _('Show a block')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_height(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            view = tenant.blocks.read(parsed_args.height)
        shown = _shown(view)
        shown['transaction_ids'] = '\n'.join(
            item.txid.hex() for item in view.transactions)
        return tuple(shown), tuple(shown.values())


class VerifyBlock(base.ShowOne):
    _description = _('Verify a block: its certificate, and the form, hash '
                     'and signature of each transaction in it')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_height(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            view = tenant.blocks.read(parsed_args.height)
        shown = _shown(view)
        shown['verified'] = (
            'certificate, transactions root, '
            f'{len(view.transactions)} signatures'
            if view.proven_by == view.header.height else
            f'by its successors, up to the certificate at {view.proven_by}')
        return tuple(shown), tuple(shown.values())
