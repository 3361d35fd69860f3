# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger group``: groups of VNFs."""

import argparse
from typing import Any

from osc_lib.i18n import _

from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import inventory

_COLUMNS = ('name', 'epoch', 'key_id', 'members', 'pending')


def _values(group: inventory.Group) -> tuple[Any, ...]:
    return (group.name, group.epoch, group.key.key_id.hex(),
            ', '.join(group.members), len(group.pending))


def _add_group(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('group', metavar='<group>',
                        help=_('Name of the group'))


def _add_member(parser: argparse.ArgumentParser) -> None:
    _add_group(parser)
    parser.add_argument('vnf', metavar='<vnf>',
                        help=_('Name or instance UUID of the VNF'))
    base.add_key(parser)
    base.add_wait(parser)


class CreateGroup(base.ShowOne):
    _description = _('Make a group and its key pair')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_group(parser)
        parser.add_argument('--suite', metavar='<suite>', default='',
                            help=_('Suite of the group\'s key'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return _COLUMNS, _values(tenant.groups.create(
                parsed_args.group, parsed_args.suite))


class ListGroup(base.Lister):
    _description = _('List the groups')

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return _COLUMNS, [_values(group)
                              for group in tenant.groups.list_all()]


class ShowGroup(base.ShowOne):
    _description = _('Show a group')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_group(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            group = tenant.inventory.read().group(parsed_args.group)
        return ((*_COLUMNS, 'key_ids'),
                (*_values(group), '\n'.join(
                    f'{epoch}: {key.key_id.hex()}'
                    for epoch, key in enumerate(group.keys, 1))))


class AddMember(base.Lister):
    _description = _('Make a VNF a member and tell it the group\'s key')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_member(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return base.list_written(tenant.groups.add(
                parsed_args.group, parsed_args.vnf,
                tenant.keys.choose(parsed_args.key), parsed_args.wait))


class RemoveMember(base.Lister):
    _description = _('Take a VNF out of a group, which gets a new key')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_member(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return base.list_written(tenant.groups.remove(
                parsed_args.group, parsed_args.vnf,
                tenant.keys.choose(parsed_args.key), parsed_args.wait))
