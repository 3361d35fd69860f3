# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger vnf``: VNFs and their keys."""

import argparse
import sys
from typing import Any

from osc_lib.i18n import _

from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import client
from tacker_ledger.tenant_client import console
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys

_COLUMNS = ('name', 'instance', 'state', 'fingerprint',
            'receipt_fingerprint', 'groups')


def _values(tenant: client.TenantClient, vnf: inventory.Vnf
            ) -> tuple[Any, ...]:
    groups = tenant.inventory.read().groups_of(vnf.name)
    return (vnf.name, vnf.instance_uuid, vnf.state, vnf.key.key_id.hex(),
            vnf.receipt_key.key_id.hex(),
            ', '.join(group.name for group in groups))


def _add_vnf(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('vnf', metavar='<vnf>',
                        help=_('Name or instance UUID of the VNF'))


class RegisterVnf(base.ShowOne):
    _description = _('Take a VNF\'s keys from its console or a key file; '
                     'compare the fingerprint it shows')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('name', metavar='<name>',
                            help=_('Name to give the VNF'))
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            '--console', metavar='<file>', action='append', default=[],
            help=_('Text of the VNF\'s console; repeat to compare several '
                   'readings; - for standard input'))
        source.add_argument('--key-file', metavar='<file>',
                            help=_('File with the VNF\'s key block'))
        parser.add_argument(
            '--instance', metavar='<uuid>', default='',
            help=_('Which instance is meant; needed if the text shows '
                   'several'))
        parser.add_argument(
            '--fingerprint', metavar='<key-id>', default='',
            help=_('Refuse any other key than this one'))
        parser.add_argument(
            '--replace', action='store_true',
            help=_('Replace the key that is known under this name'))
        parser.add_argument(
            '--no-welcome', dest='welcome', action='store_false',
            help=_('Do not address the VNF\'s receipt key yet'))
        base.add_key(parser)
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        names = parsed_args.console or [parsed_args.key_file]
        texts = [sys.stdin.read(console.TEXT_MAX_BYTES + 1) if name == '-'
                 else keys.read_text(name, console.TEXT_MAX_BYTES)
                 for name in names]
        with self.tenant() as tenant:
            vnf = tenant.vnfs.register(
                parsed_args.name, texts, parsed_args.instance,
                parsed_args.fingerprint, parsed_args.replace)
            shown = dict(zip(_COLUMNS, _values(tenant, vnf), strict=True))
            if not parsed_args.welcome:
                return tuple(shown), tuple(shown.values())
            written = tenant.vnfs.welcome(
                vnf.name, tenant.keys.choose(parsed_args.key),
                parsed_args.wait)
        return base.show_written(written, **shown)


class ListVnf(base.Lister):
    _description = _('List the VNFs')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--all', action='store_true',
            help=_('Revoked and migrated ones too'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return _COLUMNS, [
                _values(tenant, vnf) for vnf in tenant.vnfs.list_all()
                if parsed_args.all or vnf.state == inventory.ACTIVE]


class ShowVnf(base.ShowOne):
    _description = _('Show a VNF')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_vnf(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            vnf = tenant.vnfs.find(parsed_args.vnf)
            return ((*_COLUMNS, 'former_keys', 'note'),
                    (*_values(tenant, vnf),
                     '\n'.join(key.key_id.hex() for key in vnf.former_keys),
                     base.escape(vnf.note)))


class WelcomeVnf(base.ShowOne):
    _description = _('Address a VNF\'s receipt key, which admits its '
                     'receipts')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_vnf(parser)
        base.add_key(parser)
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return base.show_written(tenant.vnfs.welcome(
                parsed_args.vnf, tenant.keys.choose(parsed_args.key),
                parsed_args.wait), vnf=parsed_args.vnf)


class ReplaceVnfKey(base.ShowOne):
    _description = _('Order a VNF to make a new key pair; adopt it when it '
                     'is announced')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_vnf(parser)
        parser.add_argument('--suite', metavar='<suite>', default='',
                            help=_('Suite of the new key'))
        parser.add_argument('--order', metavar='<text>', default='',
                            help=_('Your own name of this order'))
        base.add_key(parser)
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return base.show_written(tenant.vnfs.replace_key(
                parsed_args.vnf, tenant.keys.choose(parsed_args.key),
                parsed_args.suite, parsed_args.order, parsed_args.wait),
                vnf=parsed_args.vnf)


class AdoptVnfKey(base.ShowOne):
    _description = _('Take over the new key that a VNF announced under its '
                     'old one')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_vnf(parser)
        base.add_key(parser)
        parser.add_argument(
            '--timeout', metavar='<seconds>', type=float, default=0.0,
            help=_('Wait so long for the announcement'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            vnf = tenant.vnfs.await_key(
                parsed_args.vnf, tenant.keys.choose(parsed_args.key),
                parsed_args.timeout)
            return _COLUMNS, _values(tenant, vnf)


class RevokeVnf(base.Lister):
    _description = _('Retire a VNF\'s key: tell it, mark it, and re-key its '
                     'groups')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_vnf(parser)
        parser.add_argument('--reason', metavar='<text>', default='',
                            help=_('Why; the VNF is told'))
        base.add_key(parser)
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return base.list_written(tenant.vnfs.revoke(
                parsed_args.vnf, tenant.keys.choose(parsed_args.key),
                parsed_args.reason, parsed_args.wait))


class BootstrapVnf(base.LedgerCommand):
    _description = _('Write the document an agent needs at its first start')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--instance', metavar='<uuid>', required=True,
                            help=_('UUID of the instance it is for'))
        parser.add_argument(
            '--commander', metavar='<name>', action='append', default=[],
            help=_('Tenant key the VNF obeys; repeat for more; default: '
                   'the only one'))
        parser.add_argument(
            '--reference-key', metavar='<file>', action='append', default=[],
            help=_('Public key of a vendor whose templates may be referred '
                   'to; repeat for more'))
        parser.add_argument(
            '--allow-unpinned-references', action='store_true',
            help=_('Take the newest version of a vendor\'s template where '
                   'no version is named'))
        recovery = parser.add_mutually_exclusive_group()
        recovery.add_argument(
            '--recovery-key', metavar='<name>', default='',
            help=_('Recovery key in this keystore'))
        recovery.add_argument(
            '--recovery-key-id', metavar='<key-id>', default='',
            help=_('Key id of a recovery key kept elsewhere'))
        parser.add_argument(
            '--interval', metavar='<seconds>', type=float, default=60.0,
            help=_('Pause between two polls, default: 60'))
        parser.add_argument('--output', metavar='<file>',
                            help=_('New file; default: standard output'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.tenant() as tenant:
            commanders = [tenant.keys.choose(name).document for name
                          in parsed_args.commander or ['']]
            document = tenant.vnfs.bootstrap(
                commanders=commanders,
                references=[keys.read_public_file(name) for name
                            in parsed_args.reference_key],
                allow_unpinned_references=(
                    parsed_args.allow_unpinned_references),
                recovery_key_id=self._recovery(tenant, parsed_args),
                interval_seconds=parsed_args.interval,
                instance_uuid=parsed_args.instance)
        text = document.to_json()
        if parsed_args.output:
            base.write_file(parsed_args.output, text.encode('utf-8'))
        else:
            sys.stdout.write(text)

    @staticmethod
    def _recovery(tenant: client.TenantClient,
                  parsed_args: argparse.Namespace) -> bytes | None:
        if parsed_args.recovery_key:
            return tenant.keys.find(parsed_args.recovery_key,
                                    keys.RECOVERY).key_id
        if parsed_args.recovery_key_id:
            return identifiers.parse_hex(parsed_args.recovery_key_id,
                                         hashing.DIGEST_BYTES)
        return None
