# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger key``: the tenant's key pairs."""

import argparse
import sys

from osc_lib.i18n import _

from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import keys

_COLUMNS = ('name', 'kind', 'suite', 'key_id')


def _values(key: keys.Key) -> tuple[str, ...]:
    return (key.name, key.kind, key.suite_name, key.key_id.hex())


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('name', metavar='<name>', help=_('Name of the key'))
    parser.add_argument(
        '--kind', choices=keys.KINDS, default=keys.TENANT,
        help=_('What the key is for, default: tenant'))


def _add_passphrase(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--passphrase-file', metavar='<file>',
        help=_('File with the passphrase, readable by its owner only; '
               'without it the terminal is asked'))


class CreateKey(base.ShowOne):
    _description = _('Make a key pair')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_name(parser)
        parser.add_argument(
            '--suite', metavar='<suite>', default='',
            help=_('rsa2048 or ed25519, default: that of the profile'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            key = tenant.keys.create(
                parsed_args.name, parsed_args.kind,
                parsed_args.suite or tenant.profile.suite)
        return _COLUMNS, _values(key)


class ListKey(base.Lister):
    _description = _('List the key pairs')

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return _COLUMNS, [_values(key) for key in tenant.keys.list_all()]


class ShowKey(base.ShowOne):
    _description = _('Show a key pair\'s public half')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_name(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            key = tenant.keys.find(parsed_args.name, parsed_args.kind)
        return ((*_COLUMNS, 'public_key'),
                (*_values(key), keys.public_text(key.document)))


class ExportKey(base.LedgerCommand):
    _description = _('Print a public key to hand on')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_name(parser)
        parser.add_argument('--output', metavar='<file>',
                            help=_('New file to write it to'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.tenant() as tenant:
            key = tenant.keys.find(parsed_args.name, parsed_args.kind)
        text = keys.public_text(key.document)
        if parsed_args.output:
            base.write_file(parsed_args.output, text.encode('ascii'))
        else:
            sys.stdout.write(text)


class BackupKey(base.ShowOne):
    _description = _('Write all keys and the inventory into one encrypted '
                     'file')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('file', metavar='<file>',
                            help=_('New file to write'))
        _add_passphrase(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            count = tenant.keys.backup(
                parsed_args.file,
                base.read_passphrase(parsed_args.passphrase_file, True))
        return ('file', 'keys'), (parsed_args.file, count)


class RestoreKey(base.ShowOne):
    _description = _('Bring keys back from a backup; nothing that is there '
                     'is replaced')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('file', metavar='<file>', help=_('The backup'))
        _add_passphrase(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            count, names = tenant.keys.restore(
                parsed_args.file,
                base.read_passphrase(parsed_args.passphrase_file, False))
        return ('keys_restored', 'inventory_restored'), (count, names)
