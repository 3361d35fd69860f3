# SPDX-License-Identifier: Apache-2.0
"""The bootstrap document: all that a VNF believes at its first start.

Written by the tenant client, handed over by the orchestrator (S0 section
III.A: tenant public keys, node addresses, update interval).  A JSON object
with exactly these members::

    {"version": 1,
     "chain_id": 64 hex digits,
     "federation": base64 of the signed federation document in force,
     "floor": {"height": int, "digest": 64 hex digits, "time_ms": int},
     "nodes": [{"url": "https://host:port", "member": index}, ...],
     "ca": PEM text, empty if all nodes are plain HTTP on loopback,
     "commanders": [base64 of a key document, ...],
     "references": [base64 of a key document, ...],
     "allow_unpinned_references": bool,
     "recovery_key_id": 64 hex digits or null,
     "interval_seconds": number,
     "instance_uuid": text}

Commanders may send base transactions; references may only be named in
*apply before* and *apply after*.  The floor is a block below which nothing
is ever accepted.
"""

import base64
import binascii
import dataclasses
import ipaddress
import json
import re
from typing import Any

from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import limits

VERSION = 1
DOCUMENT_MAX_BYTES = 2 * 1024 * 1024
CA_MAX_CHARS = 64 * 1024
KEYS_MAX_COUNT = 64
INTERVAL_MAX_SECONDS = 24 * 60 * 60.0
UUID_MAX_CHARS = 64

_URL = re.compile(
    r'(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?/?\Z')
_HEX_DIGEST = re.compile(r'[0-9a-f]{64}\Z')
_UUID = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z')


@dataclasses.dataclass(frozen=True, slots=True)
class Floor:
    """The block below which nothing is accepted."""

    height: int
    digest: bytes
    time_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A member's door."""

    url: str
    member: int


@dataclasses.dataclass(frozen=True, slots=True)
class Bootstrap:
    """A parsed document; fields as in the module's description.

    :param federation: bytes of the signed federation document
    :param interval_seconds: pause between two polls
    """

    chain_id: bytes
    federation: bytes
    floor: Floor
    nodes: tuple[Node, ...]
    ca: str
    commanders: tuple[suite_module.KeyDocument, ...]
    references: tuple[suite_module.KeyDocument, ...]
    allow_unpinned_references: bool
    recovery_key_id: bytes | None
    interval_seconds: float
    instance_uuid: str

    def to_json(self) -> str:
        """Return the document's text, which :func:`parse` accepts."""
        recovery = self.recovery_key_id
        return json.dumps({
            'version': VERSION,
            'chain_id': self.chain_id.hex(),
            'federation': _to_base64(self.federation),
            'floor': {'height': self.floor.height,
                      'digest': self.floor.digest.hex(),
                      'time_ms': self.floor.time_ms},
            'nodes': [{'url': node.url, 'member': node.member}
                      for node in self.nodes],
            'ca': self.ca,
            'commanders': [_to_base64(key.to_bytes())
                           for key in self.commanders],
            'references': [_to_base64(key.to_bytes())
                           for key in self.references],
            'allow_unpinned_references': self.allow_unpinned_references,
            'recovery_key_id': None if recovery is None else recovery.hex(),
            'interval_seconds': self.interval_seconds,
            'instance_uuid': self.instance_uuid,
        }, indent=1) + '\n'


def parse(text: str | bytes) -> Bootstrap:
    """Return the document in a text.

    :raises BadDocument: not exactly the form above, or it contradicts
        itself; the message names the member
    :raises BadKey: a key document breaks the rules of its suite
    """
    if len(text) > DOCUMENT_MAX_BYTES:
        raise _refuse('document', 'too long')
    try:
        data = json.loads(text, object_pairs_hook=_object,
                          parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise errors.BadDocument(
            'The bootstrap document is not valid JSON.') from exc
    members = _members('document', data, {
        'version', 'chain_id', 'federation', 'floor', 'nodes', 'ca',
        'commanders', 'references', 'allow_unpinned_references',
        'recovery_key_id', 'interval_seconds', 'instance_uuid'})
    if type(members['version']) is not int or members['version'] != VERSION:
        raise _refuse('version', f'only version {VERSION} is known')
    recovery = members['recovery_key_id']
    parsed = Bootstrap(
        chain_id=_digest('chain_id', members['chain_id']),
        federation=_from_base64('federation', members['federation'],
                                limits.FEDERATION_DOCUMENT_MAX_BYTES * 2),
        floor=_floor(members['floor']),
        nodes=_nodes(members['nodes']),
        ca=_text('ca', members['ca'], CA_MAX_CHARS),
        commanders=_keys('commanders', members['commanders']),
        references=_keys('references', members['references']),
        allow_unpinned_references=_flag('allow_unpinned_references',
                                        members['allow_unpinned_references']),
        recovery_key_id=(None if recovery is None
                         else _digest('recovery_key_id', recovery)),
        interval_seconds=_interval(members['interval_seconds']),
        instance_uuid=_uuid(members['instance_uuid']))
    check(parsed)
    return parsed


def check(document: Bootstrap) -> None:
    """Refuse a document that contradicts itself.

    :raises BadDocument: the message names the member
    """
    if not document.commanders:
        raise _refuse('commanders', 'at least one key is needed')
    names = {key.key_id for key in document.commanders}
    if document.recovery_key_id in names:
        raise _refuse('recovery_key_id',
                      'a commander cannot be the recovery key too')
    for node in document.nodes:
        if node.url.startswith('https:') and not document.ca:
            raise _refuse('ca', f'needed for {node.url}')


def _refuse(member: str, why: str) -> errors.BadDocument:
    return errors.BadDocument(f'Bootstrap document, {member}: {why}.',
                              member=member)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError('a member appears twice')
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f'{name} is not a number')


def _members(where: str, value: Any, names: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refuse(where, 'not an object')
    if missing := names - value.keys():
        raise _refuse(where, f'{min(missing)} is missing')
    if unknown := value.keys() - names:
        raise _refuse(where, f'{min(unknown)!r:.80} is not known')
    return value


def _text(where: str, value: Any, max_chars: int) -> str:
    if not isinstance(value, str) or len(value) > max_chars:
        raise _refuse(where, f'not text of at most {max_chars} characters')
    return value


def _flag(where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refuse(where, 'not true or false')
    return value


def _count(where: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2 ** 63:
        raise _refuse(where, 'not a number from 0 to 2^63 - 1')
    return value


def _digest(where: str, value: Any) -> bytes:
    if not isinstance(value, str) or not _HEX_DIGEST.match(value):
        raise _refuse(where, 'not 64 hexadecimal digits in lower case')
    return bytes.fromhex(value)


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode('ascii')


def _from_base64(where: str, value: Any, max_bytes: int) -> bytes:
    if not isinstance(value, str) or len(value) > max_bytes * 4 // 3 + 4:
        raise _refuse(where, 'not base64 text of an allowed length')
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _refuse(where, 'not base64') from None
    if not data or len(data) > max_bytes:
        raise _refuse(where, f'not 1 to {max_bytes} bytes')
    return data


def _floor(value: Any) -> Floor:
    members = _members('floor', value, {'height', 'digest', 'time_ms'})
    return Floor(_count('floor.height', members['height']),
                 _digest('floor.digest', members['digest']),
                 _count('floor.time_ms', members['time_ms']))


def _list(where: str, value: Any, low: int, high: int) -> list[Any]:
    if not isinstance(value, list) or not low <= len(value) <= high:
        raise _refuse(where, f'not a list of {low} to {high} items')
    return value


def _nodes(value: Any) -> tuple[Node, ...]:
    nodes = []
    for index, item in enumerate(_list('nodes', value, 1,
                                       limits.MEMBERS_MAX_COUNT)):
        where = f'nodes[{index}]'
        members = _members(where, item, {'url', 'member'})
        nodes.append(Node(
            check_url(where + '.url', _text(where + '.url', members['url'],
                                            2048)),
            _count(where + '.member', members['member'])))
    if len({node.member for node in nodes}) != len(nodes):
        raise _refuse('nodes', 'a member appears twice')
    return tuple(nodes)


def check_url(where: str, url: str) -> str:
    """Return the URL of a door without a trailing slash.

    :raises BadDocument: neither HTTPS nor plain HTTP to loopback
    """
    match = _URL.match(url)
    if match is None or int(match[3] or 443) > 65535:
        raise _refuse(where, 'not https://HOST[:PORT]')
    if match[1] == 'http' and not _is_loopback(match[2].strip('[]')):
        raise _refuse(where, 'plain HTTP is for loopback only')
    return url.rstrip('/')


def _is_loopback(host: str) -> bool:
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _keys(where: str, value: Any) -> tuple[suite_module.KeyDocument, ...]:
    keys = []
    for index, item in enumerate(_list(where, value, 0, KEYS_MAX_COUNT)):
        data = _from_base64(f'{where}[{index}]', item,
                            limits.KEY_DOCUMENT_MAX_BYTES)
        keys.append(suite_module.KeyDocument.from_bytes(data))
    if len({key.key_id for key in keys}) != len(keys):
        raise _refuse(where, 'a key appears twice')
    return tuple(keys)


def _interval(value: Any) -> float:
    if (isinstance(value, bool) or not isinstance(value, int | float)
            or not 0 < value <= INTERVAL_MAX_SECONDS):
        raise _refuse('interval_seconds',
                      f'not a number up to {INTERVAL_MAX_SECONDS}')
    return float(value)


def _uuid(value: Any) -> str:
    if not isinstance(value, str) or not _UUID.match(value):
        raise _refuse('instance_uuid', 'not letters, digits, ".", "_", "-"')
    return value
