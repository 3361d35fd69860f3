# SPDX-License-Identifier: Apache-2.0
"""``vnf ledger node``: the members of the federation, and how they do.

``list`` and ``show`` ask the doors for tenants, without a token; ``status
show``, ``peer list`` and ``evidence list`` ask one node's operator door.
What a node says of itself is proven by nothing.
"""

import argparse
from typing import Any

from osc_lib.command import command
from osc_lib.i18n import _

from tacker_ledger.core import errors
from tacker_ledger.osc.v1 import base
from tacker_ledger.tenant_client import client

Json = dict[str, Any]
_COLUMNS = ('member', 'name', 'state', 'height', 'lag', 'view', 'leader',
            'voting', 'pending', 'evidence', 'peers_up')
_MORE_COLUMNS = ('url', 'version', 'node_key')


# What a node says may be of another release, or a lie: anything can be
# anything.

def _part(found: Json, name: str) -> Json:
    """Return an object in an object; nothing where there is none."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _rows(found: Json, name: str) -> list[Json]:
    """Return a list of objects in an object."""
    value = found.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(
        value, list) else []


def _text(value: Any) -> Any:
    """Return a value that a terminal can be shown."""
    if value is None:
        return ''
    if isinstance(value, int):
        return value
    return base.escape(str(value)[:1000], lines=True)


def _lines(rows: list[str]) -> str:
    return '\n'.join(str(_text(row)) for row in rows)


def _status(tenant: client.TenantClient, member: int) -> Json:
    """Return what a member says of itself, with its ``state``."""
    for node in tenant.ledger.client.pool.nodes():
        if node.member == member:
            try:
                status = tenant.ledger.client.status(node=node)
            except errors.LedgerError as error:
                return {'state': error.code}
            return {**status, 'state': 'up' if status.get('healthy')
                    else _text(status.get('reason') or 'unhealthy')}
    return {'state': 'not asked'}


def _conditions(status: Json) -> str:
    return _lines([
        f'{row.get("code")} since {_since(row.get("since_ms"))}: '
        f'{row.get("message")}' for row in _rows(status, 'conditions')])


def _since(time_ms: Any) -> str:
    return base.show_time(time_ms) if isinstance(time_ms, int) else '?'


def _evidence(status: Json) -> str:
    part = _part(status, 'evidence')
    return _lines([str(part.get('count', '')), *(
        f'member {row.get("member")} at height {row.get("height")}, view '
        f'{row.get("view")}: {row.get("kind")}'
        for row in _rows(part, 'newest'))])


def _peers(status: Json) -> str:
    return _lines([
        f'{row.get("name")}: {"up" if row.get("up") else "DOWN"}, height '
        f'{row.get("height")}, view {row.get("view")}'
        for row in _rows(status, 'peers')])


def _fields(status: Json) -> Json:
    """Return what is shown of a status, in its order."""
    pool, bodies = _part(status, 'pool'), _part(status, 'bodies')
    federation = _part(status, 'federation')
    highest = _part(status, 'highest')
    found = {
        'height': status.get('height'), 'lag': status.get('lag'),
        'highest_heard': highest.get('height'),
        'view': status.get('view'),
        'leader': status.get('leader_name', status.get('leader')),
        'views_changed': status.get('views_changed'),
        'voting': status.get('voting'),
        'not_voting': status.get('not_voting'),
        'doubt_ends_height': status.get('doubt_ends_height'),
        'pending_transactions': pool.get('transactions'),
        'pending_bytes': pool.get('bytes'),
        'pending_oldest_ms': pool.get('oldest_waited_ms'),
        'peers_up': status.get('peers_up'), 'quorum': status.get('quorum'),
        'epoch': status.get('epoch'),
        'federation_expires': _since(federation.get('expiry_ms')),
        'first_body': bodies.get('first'), 'last_body': bodies.get('last'),
        'index_height': status.get('index_height'),
        'storage_bytes': status.get('storage_bytes'),
        'instance': status.get('instance'),
        'uptime_seconds': (status.get('uptime_ms') or 0) // 1000
        if isinstance(status.get('uptime_ms'), int) else None,
        'version': status.get('version')}
    return {**{name: _text(value) for name, value in found.items()},
            'conditions': _conditions(status), 'peers': _peers(status),
            'evidence': _evidence(status)}


class ListNode(base.Lister):
    _description = _('List the members of the federation in force and what '
                     'each says about itself')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--no-status', dest='ask', action='store_false',
            help=_('Only show what the federation document says'))
        parser.add_argument(
            '--long', action='store_true',
            help=_('Also show URLs, versions and node keys'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        rows = []
        with self.tenant() as tenant:
            if parsed_args.ask:
                # Learn of a newer federation document first.
                tenant.ledger.head()
            urls = {member: url for url, member in tenant.ledger.nodes()}
            members = tenant.ledger.trusted.federation.members
            for index, member in enumerate(members):
                status = _status(tenant, index) if parsed_args.ask else {}
                row = (index, member.name, *self._said(status))
                if parsed_args.long:
                    row += (urls.get(index, member.door_url),
                            _text(status.get('version')),
                            member.node_key.key_id.hex())
                rows.append(row)
            lies = [(offence.node.url, offence.code)
                    for offence in tenant.ledger.client.pool.offences()]
        for url, code in lies:
            self.log.warning('%s gave a false answer: %s', url, code)
        return (_COLUMNS + (_MORE_COLUMNS if parsed_args.long else ()), rows)

    @staticmethod
    def _said(status: Json) -> tuple[Any, ...]:
        return tuple(_text(value) for value in (
            status.get('state'), status.get('height'), status.get('lag'),
            status.get('view'),
            status.get('leader_name', status.get('leader')),
            status.get('voting'), _part(status, 'pool').get('transactions'),
            _part(status, 'evidence').get('count'), status.get('peers_up')))


class ShowNode(base.ShowOne):
    _description = _('Show what a member of the federation says about itself')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('node', metavar='<node>',
                            help=_('Name or index of the member'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        with self.tenant() as tenant:
            tenant.ledger.head()
            members = tenant.ledger.trusted.federation.members
            index = self._index([one.name for one in members],
                                parsed_args.node)
            urls = {member: url for url, member in tenant.ledger.nodes()}
            status = _status(tenant, index)
            found = {
                'member': index, 'name': members[index].name,
                'url': urls.get(index, members[index].door_url),
                'state': status['state'], **_fields(status),
                'node_key': members[index].node_key.key_id.hex()}
        return tuple(found), tuple(found.values())

    @staticmethod
    def _index(names: list[str], wanted: str) -> int:
        if wanted in names:
            return names.index(wanted)
        if wanted.isdecimal() and int(wanted[:6]) < len(names):
            return int(wanted[:6])
        raise errors.NotFound(f'The federation has no member {wanted!r}.',
                              known=names[:20])


class ShowStatus(base.OperatorCommand, command.ShowOne):
    _description = _('Show how a node does, with what is for operators only '
                     '(asks its operator door)')

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        status = self.operator().node_status()
        found = {
            'member': _text(status.get('member')),
            'name': _text(status.get('name')),
            'state': 'up' if status.get('healthy')
            else _text(status.get('reason') or 'unhealthy'),
            **_fields(status),
            'expiries': _lines([
                f'{row.get("what")}: {_since(row.get("ends_ms"))}, in '
                f'{row.get("days_left")} days'
                for row in _rows(status, 'expiries')]),
            'refused': _lines([
                f'{row.get("name")}: {row.get("count")} '
                f'({_codes(_part(row, "codes"))})'
                for row in _rows(status, 'refused')])}
        return tuple(found), tuple(found.values())


def _codes(codes: Json) -> str:
    return ', '.join(f'{code}: {count}' for code, count in codes.items())


class ListPeer(base.OperatorCommand, command.Lister):
    _description = _('List the other members as a node sees them (asks its '
                     'operator door)')

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        columns = ('member', 'name', 'is_up', 'height', 'view', 'heard_ms',
                   'queued_bytes', 'dropped', 'instance', 'address',
                   'last_error')
        return columns, [tuple(_text(getattr(peer, name)) for name in columns)
                         for peer in self.operator().peers()]


class ListEvidence(base.OperatorCommand, command.Lister):
    _description = _('List the proofs of members\' faults that a node keeps '
                     '(asks its operator door)')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--long', action='store_true',
            help=_('Also show the records, in hexadecimal digits, for '
                   '"tacker-ledger-manage evidence verify"'))
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Columns:
        columns = ('kind', 'member', 'height', 'view', 'federation')
        rows = []
        for one in self.operator().evidence():
            row = tuple(_text(one.get(name)) for name in columns)
            if parsed_args.long:
                messages = one.get('messages')
                row += (_text(' '.join(map(str, messages)))
                        if isinstance(messages, list) else '',)
            rows.append(row)
        return columns + (('record',) if parsed_args.long else ()), rows
