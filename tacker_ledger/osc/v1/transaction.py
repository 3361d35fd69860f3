# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger transaction``: what stands on the chain."""

import argparse
from typing import Any

from osc_lib.i18n import _

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import client
from tacker_ledger.tenant_client import ledger

_TYPES = {'configuration': transaction_module.TYPE_CONFIGURATION,
          'request': transaction_module.TYPE_REQUEST}
_TYPE_NAMES = {number: name for name, number in _TYPES.items()}


def _add_transaction(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('transaction', metavar='<transaction>',
                        help=_('Id of the transaction'))


def _read(tenant: client.TenantClient, text: str) -> ledger.Proven:
    txid = identifiers.parse_hex(text.lower(), hashing.DIGEST_BYTES)
    proven = tenant.ledger.transaction(txid)
    if proven is None:
        raise errors.NotFound(f'The chain has no transaction {text}.')
    return proven


def _shown(tenant: client.TenantClient, proven: ledger.Proven
           ) -> dict[str, Any]:
    content = proven.transaction.content
    shown: dict[str, Any] = {
        'transaction': proven.transaction.txid.hex(),
        'type': _TYPE_NAMES[
            transaction_module.TYPE_REQUEST if isinstance(
                content, transaction_module.Request)
            else transaction_module.TYPE_CONFIGURATION],
        'cid': content.cid.hex(), 'vid': content.vid,
        'sender': base.label(tenant, proven.transaction.sender_id),
        'recipient': base.label(tenant, content.recipient_id),
        'description': base.escape(content.description),
        'time': base.show_time(content.timestamp_ms),
        'size': len(proven.transaction.raw)}
    if isinstance(content, transaction_module.Configuration):
        shown['sealed'] = content.is_sealed
        shown['apply_before'] = base.show_references(content.apply_before)
        shown['apply_after'] = base.show_references(content.apply_after)
    else:
        shown['expires'] = base.show_time(content.slot_expiry_ms)
    shown.update(height=proven.placed.height, index=proven.placed.index,
                 block_time=base.show_time(proven.time_ms),
                 signers=', '.join(proven.signers), quorum=proven.quorum,
                 view=proven.view)
    return shown


class ListTransaction(base.Lister):
    _description = _('List transactions as the nodes\' indexes know them; '
                     'not proven: see "transaction verify"')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--sender', metavar='<key-id>',
                            help=_('Only those sent by this key'))
        parser.add_argument('--recipient', metavar='<key-id>',
                            help=_('Only those sent to this key'))
        parser.add_argument('--cid', metavar='<cid>',
                            help=_('Only those of this CID, or its name'))
        parser.add_argument('--type', choices=_TYPES,
                            help=_('Only those of this type'))
        parser.add_argument('--after-height', metavar='<n>', type=int,
                            help=_('Only those in later blocks'))
        parser.add_argument('--limit', metavar='<n>', type=int, default=100,
                            help=_('At most so many, default: 100'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            rows = [
                (row['height'], row['position'], row['txid'],
                 _TYPE_NAMES.get(row.get('type', 0), ''), row['cid'],
                 row.get('vid'),
                 base.escape(self._label(tenant, row.get('sender'))),
                 base.escape(self._label(tenant, row.get('recipient'))),
                 base.escape(str(row.get('description', ''))),
                 row.get('size'))
                for row in tenant.ledger.search(
                    **self._filters(tenant, parsed_args))]
        return (('height', 'index', 'transaction', 'type', 'cid', 'vid',
                 'sender', 'recipient', 'description', 'size'), rows)

    @staticmethod
    def _label(tenant: client.TenantClient, key_id: Any) -> str:
        try:
            return base.label(tenant, identifiers.parse_hex(
                key_id, hashing.DIGEST_BYTES))
        except (errors.BadOption, TypeError):
            return ''

    @staticmethod
    def _filters(tenant: client.TenantClient,
                 parsed_args: argparse.Namespace) -> dict[str, str | int]:
        if not 0 < parsed_args.limit <= ledger.SEARCH_LIMIT_COUNT:
            raise errors.BadOption(
                f'--limit is 1 to {ledger.SEARCH_LIMIT_COUNT}.')
        filters: dict[str, str | int] = {'limit': parsed_args.limit}
        for name in ('sender', 'recipient'):
            if getattr(parsed_args, name):
                filters[name] = identifiers.parse_hex(
                    getattr(parsed_args, name), hashing.DIGEST_BYTES).hex()
        if parsed_args.cid:
            filters['cid'] = tenant.context.cid_of(parsed_args.cid).hex()
        if parsed_args.type:
            filters['type'] = _TYPES[parsed_args.type]
        if parsed_args.after_height is not None:
            filters['after_height'] = parsed_args.after_height
        return filters


class ShowTransaction(base.ShowOne):
    _description = _('Show a transaction and where it is proven to stand')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_transaction(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            shown = _shown(tenant, _read(tenant, parsed_args.transaction))
        return tuple(shown), tuple(shown.values())


class VerifyTransaction(base.ShowOne):
    _description = _('Verify a transaction: its hash, its signature, its '
                     'place in a block, and the block\'s certificate')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_transaction(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            proven = _read(tenant, parsed_args.transaction)
            transaction_module.verify_signature(
                tenant.context.provider, tenant.context.h,
                proven.transaction)
            shown = _shown(tenant, proven)
        shown['verified'] = ('hash, signature, place in the block, '
                             'certificate')
        return tuple(shown), tuple(shown.values())
