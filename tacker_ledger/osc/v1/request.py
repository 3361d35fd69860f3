# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger request``: asking a VNF for its state."""

import argparse
from typing import Any

from osc_lib.i18n import _

from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import client
from tacker_ledger.tenant_client import references
from tacker_ledger.tenant_client import requests


class CreateRequest(base.ShowOne):
    _description = _('Ask a VNF for its configuration state')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('vnf', metavar='<vnf>',
                            help=_('Name or instance UUID of the VNF'))
        parser.add_argument(
            '--lifetime', metavar='<seconds>', type=float,
            default=requests.LIFETIME_SECONDS,
            help=_('How long it may be answered, default: an hour'))
        base.add_key(parser)
        base.add_wait(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            return base.show_written(tenant.requests.create(
                tenant.vnfs.find(parsed_args.vnf),
                tenant.keys.choose(parsed_args.key), parsed_args.lifetime,
                parsed_args.wait), vnf=parsed_args.vnf)


class ShowRequest(base.ShowOne):
    _description = _('Show a request and its answer')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'request', metavar='<cid>[:<vid>]',
            help=_('CID of the requests, or the VNF\'s name; the newest '
                   'one unless a version is given'))
        parser.add_argument(
            '--timeout', metavar='<seconds>', type=float, default=0.0,
            help=_('Wait so long for the answer'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        name, vid, _mode = references.split(parsed_args.request)
        with self.tenant() as tenant:
            view = tenant.requests.await_answer(
                self._cid(tenant, name), vid, parsed_args.timeout)
            return self._shown(tenant, view)

    @staticmethod
    def _cid(tenant: client.TenantClient, name: str) -> bytes:
        vnf = tenant.inventory.read().vnfs.get(name)
        if vnf is not None and vnf.slot_cid:
            return bytes.fromhex(vnf.slot_cid)
        return tenant.context.cid_of(name)

    @staticmethod
    def _shown(tenant: client.TenantClient, view: requests.RequestView
               ) -> base.Columns:
        content = view.request.transaction.content
        assert isinstance(content, transaction_module.Request)
        shown: dict[str, Any] = {
            'cid': content.cid.hex(), 'vid': content.vid,
            'vnf': base.label(tenant, content.recipient_id),
            'request': view.request.transaction.txid.hex(),
            'expires': base.show_time(content.slot_expiry_ms),
            'status': ('answered' if view.answer else
                       'expired' if view.expired else 'waiting')}
        if view.answer is not None and view.report is not None:
            shown['answer'] = view.answer.transaction.txid.hex()
            shown['agent_time'] = base.show_time(view.report.agent_time_ms)
            shown['effective'] = '\n'.join(
                f'{entry.cid.hex()}:{entry.vid}'
                for entry in view.report.effective)
            for item in view.report.observations:
                name = (f'observed {base.escape(item.applier)} '
                        f'{base.escape(item.target)}')
                shown[name] = base.show_data(item.observed)
        return tuple(shown), tuple(shown.values())
