# SPDX-License-Identifier: Apache-2.0
"""What the tenant knows beside the chain: names for keys and CIDs.

Nothing in here is secret and nothing in here proves anything.  Losing it
loses names; what was published is read back from the chain with the keys
alone.
"""

import base64
import binascii
from collections.abc import Iterator
import contextlib
import dataclasses
import json
import re
from typing import Any
from typing import TypeVar

from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.tenant_client import store as store_module

FILE = 'inventory.json'
VERSION = 1
_MAX_BYTES = 64 * 1024 * 1024
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z')

#: States of a VNF.
ACTIVE = 'active'
REVOKED = 'revoked'
MIGRATED = 'migrated'


def check_name(name: str) -> str:
    """Return a name that may be given to something of the tenant's.

    :raises BadOption: it may not
    """
    if not _NAME.match(name):
        raise errors.BadOption(
            'A name has 1 to 64 letters, digits, dots, underscores or '
            'hyphens and starts with a letter or digit.', name=name[:128])
    return name


@dataclasses.dataclass(frozen=True, slots=True)
class Vnf:
    """A VNF whose keys were verified when it was registered.

    :param key: receives what is sealed to it, signs answers
    :param receipt_key: signs receipts
    :param former_keys: VNF keys it had before, oldest first
    :param slot_cid: hex; the CID its requests use, empty before the first
    """

    name: str
    instance_uuid: str
    key: suite_module.KeyDocument
    receipt_key: suite_module.KeyDocument
    state: str = ACTIVE
    former_keys: tuple[suite_module.KeyDocument, ...] = ()
    slot_cid: str = ''
    note: str = ''

    @property
    def keys(self) -> tuple[suite_module.KeyDocument, ...]:
        """Every VNF key it had, the present one last."""
        return (*self.former_keys, self.key)


@dataclasses.dataclass(frozen=True, slots=True)
class Pending:
    """A group-key transaction that is still to be sent.

    :param action: ``join`` or ``leave``
    """

    vnf: str
    action: str
    epoch: int


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """A group of VNFs; each epoch has its own key pair.

    :param keys: public documents by epoch: the first is epoch 1
    :param members: names of VNFs
    :param pending: what its members have yet to be told, in order
    """

    name: str
    keys: tuple[suite_module.KeyDocument, ...]
    members: tuple[str, ...] = ()
    pending: tuple[Pending, ...] = ()

    @property
    def epoch(self) -> int:
        """The present epoch."""
        return len(self.keys)

    @property
    def key(self) -> suite_module.KeyDocument:
        """The present key."""
        return self.keys[-1]


@dataclasses.dataclass(frozen=True, slots=True)
class Contents:
    """One version of the inventory; changed with :func:`dataclasses.replace`.

    :param names: CID in hex -> name of the tenant's own
    """

    vnfs: dict[str, Vnf] = dataclasses.field(default_factory=dict)
    groups: dict[str, Group] = dataclasses.field(default_factory=dict)
    names: dict[str, str] = dataclasses.field(default_factory=dict)

    def vnf(self, name: str) -> Vnf:
        """Return a VNF by name or by its instance UUID.

        :raises NotFound: there is none
        """
        if name in self.vnfs:
            return self.vnfs[name]
        for vnf in self.vnfs.values():
            if vnf.instance_uuid == name:
                return vnf
        raise errors.NotFound(f'There is no VNF {name!r} in the inventory.')

    def group(self, name: str) -> Group:
        """Return a group.

        :raises NotFound: there is none
        """
        try:
            return self.groups[name]
        except KeyError:
            raise errors.NotFound(
                f'There is no group {name!r} in the inventory.') from None

    def groups_of(self, vnf: str) -> list[Group]:
        """Return the groups a VNF is a member of."""
        return [group for group in self.groups.values()
                if vnf in group.members]

    def label_of(self, key_id: bytes) -> str:
        """Return whose key it is: ``vnf:NAME``, ``group:NAME`` or empty."""
        for vnf in self.vnfs.values():
            if any(key.key_id == key_id for key in vnf.keys):
                return f'vnf:{vnf.name}'
            if vnf.receipt_key.key_id == key_id:
                return f'receipts:{vnf.name}'
        for group in self.groups.values():
            if any(key.key_id == key_id for key in group.keys):
                return f'group:{group.name}'
        return ''


class Inventory:
    """The inventory in the tenant's directory.

    :param store: the directory
    """

    def __init__(self, store: store_module.Store) -> None:
        self._store = store

    def read(self) -> Contents:
        """Return what is stored now.

        :raises CorruptStore: the file is damaged
        """
        data = self._store.read(FILE, _MAX_BYTES)
        return Contents() if data is None else parse(data)

    @contextlib.contextmanager
    def change(self) -> Iterator[Contents]:
        """Hand out the contents to change in place, then store them.

        Nothing is stored if the block raises.  Other processes wait.
        """
        with self._store.locked():
            contents = self.read()
            yield contents
            self._store.write(FILE, encode(contents))

    def put_vnf(self, vnf: Vnf) -> None:
        """Store a VNF under its name, whatever stood there."""
        with self.change() as contents:
            contents.vnfs[vnf.name] = vnf

    def put_group(self, group: Group) -> None:
        """Store a group under its name, whatever stood there."""
        with self.change() as contents:
            contents.groups[group.name] = group


# The stored form


def encode(contents: Contents) -> bytes:
    """Return the JSON that :func:`parse` reads."""
    return (json.dumps({
        'version': VERSION,
        'vnfs': [_vnf_members(vnf) for vnf in contents.vnfs.values()],
        'groups': [_group_members(group)
                   for group in contents.groups.values()],
        'names': contents.names}, indent=1) + '\n').encode('utf-8')


def _vnf_members(vnf: Vnf) -> dict[str, Any]:
    return {'name': vnf.name, 'instance_uuid': vnf.instance_uuid,
            'key': _key_text(vnf.key),
            'receipt_key': _key_text(vnf.receipt_key), 'state': vnf.state,
            'former_keys': [_key_text(key) for key in vnf.former_keys],
            'slot_cid': vnf.slot_cid, 'note': vnf.note}


def _group_members(group: Group) -> dict[str, Any]:
    return {'name': group.name,
            'keys': [_key_text(key) for key in group.keys],
            'members': list(group.members),
            'pending': [dataclasses.asdict(item) for item in group.pending]}


def _key_text(key: suite_module.KeyDocument) -> str:
    return base64.b64encode(key.to_bytes()).decode('ascii')


def parse(data: bytes) -> Contents:
    """Return the contents that :func:`encode` wrote.

    :raises CorruptStore: they are damaged
    :raises UnsupportedVersion: a later release wrote them
    """
    try:
        value = _fields(json.loads(data), {'version': int, 'vnfs': list,
                                           'groups': list, 'names': dict})
        if value['version'] != VERSION:
            raise errors.UnsupportedVersion(
                f'{FILE} has version {value["version"]}.', known=[VERSION])
        vnfs = [_parse_vnf(item) for item in value['vnfs']]
        groups = [_parse_group(item) for item in value['groups']]
        names = {_typed(cid, str): _typed(name, str)
                 for cid, name in value['names'].items()}
    except (ValueError, binascii.Error, RecursionError,
            errors.BadKey) as error:
        raise errors.CorruptStore(f'{FILE} is damaged: {error}') from error
    return Contents({vnf.name: vnf for vnf in vnfs},
                    {group.name: group for group in groups}, names)


_T = TypeVar('_T')


def _typed(value: Any, kind: type[_T]) -> _T:
    if type(value) is not kind:
        raise ValueError(f'{kind.__name__} expected')
    return value


def _fields(value: Any, kinds: dict[str, type]) -> dict[str, Any]:
    members = _typed(value, dict)
    if members.keys() != kinds.keys():
        raise ValueError(f'members {sorted(kinds)} expected')
    for name, kind in kinds.items():
        _typed(members[name], kind)
    return members


def _key(text: Any) -> suite_module.KeyDocument:
    return suite_module.KeyDocument.from_bytes(
        base64.b64decode(_typed(text, str), validate=True))


def _keys(value: Any) -> tuple[suite_module.KeyDocument, ...]:
    return tuple(_key(item) for item in _typed(value, list))


def _parse_vnf(value: Any) -> Vnf:
    item = _fields(value, {
        'name': str, 'instance_uuid': str, 'key': str, 'receipt_key': str,
        'state': str, 'former_keys': list, 'slot_cid': str, 'note': str})
    return Vnf(item['name'], item['instance_uuid'], _key(item['key']),
               _key(item['receipt_key']), item['state'],
               _keys(item['former_keys']), item['slot_cid'], item['note'])


def _parse_group(value: Any) -> Group:
    item = _fields(value, {'name': str, 'keys': list, 'members': list,
                           'pending': list})
    pending = [Pending(**_fields(entry, {'vnf': str, 'action': str,
                                         'epoch': int}))
               for entry in item['pending']]
    keys = _keys(item['keys'])
    if not keys:
        raise ValueError('a group has a key')
    return Group(item['name'], keys,
                 tuple(_typed(name, str) for name in item['members']),
                 tuple(pending))
