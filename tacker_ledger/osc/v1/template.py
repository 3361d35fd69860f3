# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger template``: public configurations of vendors."""

import argparse
from typing import Any

from osc_lib.i18n import _

from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import client
from tacker_ledger.tenant_client import keys
from tacker_ledger.tenant_client import templates

_COLUMNS = ('cid', 'vid', 'vendor', 'version_label', 'applier', 'target',
            'publisher', 'notice')


def _values(tenant: client.TenantClient, view: templates.TemplateView
            ) -> tuple[Any, ...]:
    payload, content = view.payload, view.opened.content
    return (content.cid.hex(), content.vid, base.escape(payload.vendor),
            base.escape(payload.version_label),
            base.escape(payload.applier), base.escape(payload.target),
            base.label(tenant, view.opened.transaction.sender_id),
            '\n'.join(f'WITHDRAWN: {base.escape(notice)}'
                      for notice in view.notices))


def _add_template(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('template', metavar='<template>',
                        help=_('CID of the template, or its name here'))


class PublishTemplate(base.ShowOne):
    _description = _('Publish a template, or the next version of one, for '
                     'everybody to read')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_data(parser, required=True)
        parser.add_argument('--vendor', metavar='<text>', required=True,
                            help=_('Who publishes it'))
        parser.add_argument('--version-label', metavar='<text>', default='',
                            help=_('Your own name of this version'))
        which = parser.add_mutually_exclusive_group()
        which.add_argument('--template', metavar='<template>', default='',
                           help=_('Publish the next version of this one'))
        which.add_argument('--name', metavar='<name>', default='',
                           help=_('Name in this inventory of a new one'))
        parser.add_argument('--description', metavar='<text>', default='',
                            help=_('Text for everybody to see'))
        base.add_key(parser)
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        data = base.read_data(parsed_args.file)
        with self.tenant() as tenant:
            cid = (tenant.context.cid_of(parsed_args.template)
                   if parsed_args.template else None)
            return base.show_written(tenant.templates.publish(
                tenant.keys.choose(parsed_args.key),
                applier=parsed_args.applier, target=parsed_args.target,
                data=data, vendor=parsed_args.vendor,
                version_label=parsed_args.version_label,
                name=parsed_args.name, description=parsed_args.description,
                cid=cid, wait=parsed_args.wait))


class ListTemplate(base.Lister):
    _description = _('List templates, as the nodes\' indexes know them')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        sender = parser.add_mutually_exclusive_group()
        sender.add_argument('--publisher', metavar='<key-id>', default='',
                            help=_('Only those of this key'))
        sender.add_argument('--publisher-key', metavar='<file>', default='',
                            help=_('Only those of the public key in a file'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        sender_id = None
        if parsed_args.publisher:
            sender_id = identifiers.parse_hex(parsed_args.publisher,
                                              hashing.DIGEST_BYTES)
        elif parsed_args.publisher_key:
            sender_id = keys.read_public_file(
                parsed_args.publisher_key).key_id
        with self.tenant() as tenant:
            return _COLUMNS, [
                _values(tenant, view)
                for view in tenant.templates.list_all(sender_id)]


class ShowTemplate(base.ShowOne):
    _description = _('Show a version of a template')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_template(parser)
        parser.add_argument('--vid', metavar='<n>', type=int,
                            help=_('Which version, default: the newest'))
        parser.add_argument('--output', metavar='<file>',
                            help=_('New file to write the data to'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            view = tenant.templates.read(
                tenant.context.cid_of(parsed_args.template), parsed_args.vid)
            if parsed_args.output:
                base.write_file(parsed_args.output, view.payload.data)
            placed = view.opened.placed
            return ((*_COLUMNS, 'description', 'transaction', 'height',
                     'index', 'data'),
                    (*_values(tenant, view),
                     base.escape(view.opened.content.description),
                     placed.transaction.txid.hex(), placed.height,
                     placed.index, base.show_data(view.payload.data)))


class WithdrawTemplate(base.ShowOne):
    _description = _('Publish a notice that versions should not be used any '
                     'more; it is shown to tenants and does nothing else')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_template(parser)
        parser.add_argument('--first-vid', metavar='<n>', type=int,
                            default=1, help=_('First version, default: 1'))
        parser.add_argument('--last-vid', metavar='<n>', type=int,
                            help=_('Last version, default: the newest'))
        parser.add_argument('--reason', metavar='<text>', default='',
                            help=_('Why, for everybody to see'))
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return base.show_written(tenant.templates.withdraw(
                tenant.context.cid_of(parsed_args.template),
                first_vid=parsed_args.first_vid,
                last_vid=parsed_args.last_vid, reason=parsed_args.reason,
                wait=parsed_args.wait))
