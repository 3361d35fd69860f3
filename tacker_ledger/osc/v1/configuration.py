# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger configuration``: what VNFs are to apply."""

import argparse
import sys
from typing import Any

from osc_lib.i18n import _

from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import client
from tacker_ledger.tenant_client import configurations
from tacker_ledger.tenant_client import context as context_module

_COLUMNS = ('cid', 'name', 'vid', 'recipient', 'applier', 'target',
            'description')


def _values(tenant: client.TenantClient, opened: context_module.Opened
            ) -> tuple[Any, ...]:
    payload, content = opened.payload, opened.content
    assert isinstance(payload, payload_module.Configuration)
    names = tenant.inventory.read().names
    return (content.cid.hex(), names.get(content.cid.hex(), ''), content.vid,
            base.label(tenant, content.recipient_id),
            base.escape(payload.applier), base.escape(payload.target),
            base.escape(content.description))


def _add_configuration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('configuration', metavar='<configuration>',
                        help=_('CID of the configuration, or its name here'))


def _add_recipient(parser: argparse.ArgumentParser, required: bool) -> None:
    recipient = parser.add_mutually_exclusive_group(required=required)
    recipient.add_argument('--vnf', metavar='<vnf>', default='',
                           help=_('VNF it is for'))
    recipient.add_argument('--group', metavar='<group>', default='',
                           help=_('Group of VNFs it is for'))


def _recipient(tenant: client.TenantClient, parsed_args: argparse.Namespace
               ) -> suite_module.KeyDocument | None:
    if not parsed_args.vnf and not parsed_args.group:
        return None
    return tenant.context.recipient(vnf=parsed_args.vnf,
                                    group=parsed_args.group)


def _refers(parsed_args: argparse.Namespace) -> configurations.References:
    return configurations.References(
        parsed_args.apply_before, parsed_args.apply_after,
        parsed_args.sealed_before, parsed_args.sealed_after)


class CreateConfiguration(base.ShowOne):
    _description = _('Publish a new configuration, sealed to a VNF or group')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_recipient(parser, required=True)
        base.add_data(parser, required=True)
        parser.add_argument('--name', metavar='<name>', default='',
                            help=_('Name in this inventory; nobody else '
                                   'sees it'))
        parser.add_argument('--description', metavar='<text>', default='',
                            help=_('Text for everybody to see'))
        base.add_references(parser)
        base.add_key(parser)
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        data = base.read_data(parsed_args.file)
        with self.tenant() as tenant:
            recipient = _recipient(tenant, parsed_args)
            assert recipient is not None
            return base.show_written(tenant.configurations.create(
                tenant.keys.choose(parsed_args.key), recipient,
                applier=parsed_args.applier, target=parsed_args.target,
                data=data, name=parsed_args.name,
                description=parsed_args.description,
                refers=_refers(parsed_args), wait=parsed_args.wait))


class UpdateConfiguration(base.ShowOne):
    _description = _('Publish the next version; what is not given stays')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_configuration(parser)
        _add_recipient(parser, required=False)
        base.add_data(parser, required=False)
        parser.add_argument('--description', metavar='<text>',
                            help=_('Text for everybody to see'))
        parser.add_argument(
            '--if-vid', metavar='<n>', type=int,
            help=_('Only if this is the newest version now'))
        base.add_references(parser)
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        data = (None if parsed_args.file is None
                else base.read_data(parsed_args.file))
        with self.tenant() as tenant:
            return base.show_written(tenant.configurations.update(
                tenant.context.cid_of(parsed_args.configuration), data=data,
                applier=parsed_args.applier, target=parsed_args.target,
                recipient=_recipient(tenant, parsed_args),
                description=parsed_args.description,
                refers=_refers(parsed_args),
                expected_vid=parsed_args.if_vid, wait=parsed_args.wait))


class ListConfiguration(base.Lister):
    _description = _('List the newest version of each configuration. With '
                     '--vnf or --group the list is complete by proof, '
                     'without as the nodes\' indexes know it')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_recipient(parser, required=False)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return _COLUMNS, [
                _values(tenant, opened)
                for opened in tenant.configurations.list_all(
                    vnf=parsed_args.vnf, group=parsed_args.group)]


class ShowConfiguration(base.ShowOne):
    _description = _('Show a version of a configuration')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_configuration(parser)
        parser.add_argument('--vid', metavar='<n>', type=int,
                            help=_('Which version, default: the newest'))
        parser.add_argument('--output', metavar='<file>',
                            help=_('New file to write the data to'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            opened = tenant.configurations.read(
                tenant.context.cid_of(parsed_args.configuration),
                parsed_args.vid)
            payload, content = opened.payload, opened.content
            assert isinstance(payload, payload_module.Configuration)
            if parsed_args.output:
                base.write_file(parsed_args.output, payload.data)
            placed = opened.placed
            return ((*_COLUMNS, 'apply_before', 'apply_after',
                     'sealed_before', 'sealed_after', 'time', 'transaction',
                     'height', 'index', 'data'),
                    (*_values(tenant, opened),
                     base.show_references(content.apply_before),
                     base.show_references(content.apply_after),
                     base.show_sealed_references(payload.sealed_before),
                     base.show_sealed_references(payload.sealed_after),
                     base.show_time(content.timestamp_ms),
                     placed.transaction.txid.hex(), placed.height,
                     placed.index, base.show_data(payload.data)))


class ShowConfigurationHistory(base.Lister):
    _description = _('List every version of a configuration, complete by '
                     'proof')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_configuration(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            rows = []
            for opened in tenant.configurations.history(
                    tenant.context.cid_of(parsed_args.configuration)):
                content, placed = opened.content, opened.placed
                rows.append((
                    content.vid, configurations.kind_of(opened.payload),
                    base.show_time(content.timestamp_ms), placed.height,
                    placed.index, base.label(tenant, content.recipient_id),
                    base.escape(content.description),
                    placed.transaction.txid.hex()))
        return (('vid', 'kind', 'time', 'height', 'index', 'recipient',
                 'description', 'transaction'), rows)


class DiffConfiguration(base.LedgerCommand):
    _description = _('Print what differs between two versions')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_configuration(parser)
        parser.add_argument('old', metavar='<vid>', type=int,
                            help=_('Version to start from'))
        parser.add_argument('new', metavar='<vid>', type=int,
                            help=_('Version to compare with it'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.tenant() as tenant:
            text = tenant.configurations.diff(
                tenant.context.cid_of(parsed_args.configuration),
                parsed_args.old, parsed_args.new)
        sys.stdout.write(base.escape(text, lines=True))


class RefreshConfiguration(base.Lister):
    _description = _('Show whether what a configuration refers to has newer '
                     'versions or was withdrawn; --apply publishes a '
                     'version that refers to the newest')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_configuration(parser)
        parser.add_argument('--apply', action='store_true',
                            help=_('Publish a version with the updates'))
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            cid = tenant.context.cid_of(parsed_args.configuration)
            rows = [(update.list_name,
                     base.show_reference(update.reference),
                     update.newest_vid, self._status(update))
                    for update in tenant.configurations.updates(cid)]
            if parsed_args.apply:
                written = tenant.configurations.refresh(cid,
                                                        parsed_args.wait)
                if written is not None:
                    self.app.stderr.write(
                        f'Published version {written.vid} in '
                        f'{written.txid.hex()}.\n')
        return ('list', 'reference', 'newest_vid', 'status'), rows

    @staticmethod
    def _status(update: configurations.Update) -> str:
        words = []
        if update.available:
            words.append('update available')
        elif update.reference.vid is None:
            words.append('follows the newest')
        else:
            words.append('up to date')
        if update.notice:
            words.append(f'WITHDRAWN: {base.escape(update.notice)}')
        return '; '.join(words)


class WithdrawConfiguration(base.ShowOne):
    _description = _('Order the VNF or group to remove a configuration')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_configuration(parser)
        _add_recipient(parser, required=False)
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            cid = tenant.context.cid_of(parsed_args.configuration)
            return base.show_written(tenant.configurations.withdraw(
                cid, recipient=_recipient(tenant, parsed_args),
                wait=parsed_args.wait), withdrawn=cid.hex())
