# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger enrolment``: which keys may write, by an operator."""

import argparse

from osc_lib.command import command
from osc_lib.i18n import _

from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.osc import sdk
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import keys

_COLUMNS = ('key_id', 'label', 'member')


def _values(enrolment: sdk.Enrolment) -> tuple[object, ...]:
    return (enrolment.key_id, base.escape(enrolment.label or ''),
            enrolment.member)


def _add_key(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument('--key-id', metavar='<key-id>', default='',
                       help=_('Key id in hexadecimal digits'))
    which.add_argument('--key-file', metavar='<file>', default='',
                       help=_('File with the exported public key'))


def _key_id(parsed_args: argparse.Namespace) -> str:
    if parsed_args.key_file:
        return keys.read_public_file(parsed_args.key_file).key_id.hex()
    return identifiers.parse_hex(parsed_args.key_id.lower(),
                                 hashing.DIGEST_BYTES).hex()


class CreateEnrolment(base.OperatorCommand, command.ShowOne):
    _description = _('Let a key write to the ledger')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_key(parser)
        parser.add_argument('--label', metavar='<text>', default='',
                            help=_('Whose key it is'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        made = self.operator().create_enrolment(
            key_id=_key_id(parsed_args), label=parsed_args.label)
        return _COLUMNS, _values(made)


class ListEnrolment(base.OperatorCommand, command.Lister):
    _description = _('List the keys that may write')

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        return _COLUMNS, [_values(item) for item
                          in self.operator().enrolments()]


class DeleteEnrolment(base.OperatorCommand):
    _description = _('Take the enrolment of a key back')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_key(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.operator().delete_enrolment(_key_id(parsed_args),
                                         ignore_missing=False)
