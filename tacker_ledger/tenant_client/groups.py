# SPDX-License-Identifier: Apache-2.0
"""Groups of VNFs: one key pair for several readers (S0 section III.B).

The tenant makes the pair; its private half reaches members only inside
sealed transactions to their VNF keys.  Whoever leaves keeps what it could
read and learns nothing new: the group gets a new pair, a new *epoch*, of
which only the remaining members are told.

What members have yet to be told is stored before it is sent and struck off
when it is on the chain, so nothing is lost by a crash.  A member that is
told twice ends in the same state.
"""

from collections.abc import Iterable
import dataclasses

from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core import limits
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module

JOIN = 'join'
LEAVE = 'leave'


class Groups:
    """The groups of one tenant."""

    def __init__(self, context: context_module.Context) -> None:
        self._context = context

    def list_all(self) -> list[inventory.Group]:
        """Return all groups by name."""
        groups = self._context.inventory.read().groups
        return [groups[name] for name in sorted(groups)]

    def create(self, name: str, suite: str = '') -> inventory.Group:
        """Make a group without members.

        :param suite: of its key pair; empty for the profile's
        :raises Duplicate: there is one of that name
        """
        inventory.check_name(name)
        number = suite_module.by_name(
            suite or self._context.profile.suite).number
        with self._context.inventory.change() as contents:
            if name in contents.groups:
                raise errors.Duplicate(f'There is a group {name} already.')
            document = self._context.keys.create_group_key(name, 1, number)
            contents.groups[name] = inventory.Group(name, (document,))
            return contents.groups[name]

    def add(self, name: str, vnf: str, key: keys_module.Key,
            wait: bool = True) -> list[context_module.Written]:
        """Make a VNF a member and tell it the group's key.

        :raises NotFound: no such group or VNF
        :raises KeyRevoked: the VNF is not active
        """
        with self._context.inventory.change() as contents:
            group, member = contents.group(name), contents.vnf(vnf)
            if member.state != inventory.ACTIVE:
                raise errors.KeyRevoked(
                    f'The VNF {member.name} is {member.state}.')
            if member.name not in group.members:
                contents.groups[group.name] = dataclasses.replace(
                    group, members=(*group.members, member.name),
                    pending=(*group.pending, inventory.Pending(
                        member.name, JOIN, group.epoch)))
        return self.tell(name, key, wait)

    def remove(self, name: str, vnf: str, key: keys_module.Key,
               wait: bool = True) -> list[context_module.Written]:
        """Take a VNF out: a new epoch, told to all the others.

        :raises NotFound: no such group, or the VNF is not in it
        """
        with self._context.inventory.change() as contents:
            group = contents.group(name)
            member = contents.vnf(vnf).name
            if member not in group.members:
                raise errors.NotFound(f'{member} is not in group {name}.')
            contents.groups[name] = self._next_epoch(group, {member}, ())
        return self.tell(name, key, wait)

    def rekey(self, contents: inventory.Contents, leaver: str,
              joiner: str = '') -> list[str]:
        """Move every group of a VNF to a new epoch without it.

        To be called inside :meth:`~.inventory.Inventory.change`; the
        members are told by :meth:`tell` afterwards.

        :param joiner: name of a VNF which takes its place
        :returns: the groups' names
        """
        changed = []
        for group in contents.groups_of(leaver):
            contents.groups[group.name] = self._next_epoch(
                group, {leaver}, (joiner,) if joiner else ())
            changed.append(group.name)
        return changed

    def _next_epoch(self, group: inventory.Group, leavers: set[str],
                    joiners: Iterable[str]) -> inventory.Group:
        members = tuple(dict.fromkeys(
            [name for name in group.members if name not in leavers]
            + list(joiners)))
        epoch = group.epoch + 1
        document = self._context.keys.create_group_key(
            group.name, epoch, group.key.suite)
        # Who has not joined the old epoch yet need not do so any more.
        pending = [item for item in group.pending if item.action == LEAVE]
        pending += [inventory.Pending(name, JOIN, epoch) for name in members]
        pending += [inventory.Pending(name, LEAVE, epoch - 1)
                    for name in group.members]
        return dataclasses.replace(group, keys=(*group.keys, document),
                                   members=members, pending=tuple(pending))

    def tell(self, name: str, key: keys_module.Key, wait: bool = True
             ) -> list[context_module.Written]:
        """Send the members what they have yet to be told.

        Without ``wait`` what was handed over still counts as untold until
        a later call finds the time to wait for it.

        :raises NotFound: no such group
        """
        contents = self._context.inventory.read()
        group = contents.group(name)
        told = list(group.pending)
        authored = [
            (item, self._author(contents, group, item, key))
            for item in told]
        written = []
        sendable = [made.transaction for _item, made in authored if made]
        for start in range(0, len(sendable),
                           limits.BATCH_SUBMIT_MAX_COUNT):
            written += self._context.send(
                sendable[start:start + limits.BATCH_SUBMIT_MAX_COUNT], wait)
        if wait:
            self._strike_off(name, told)
        return written

    def _strike_off(self, name: str, told: list[inventory.Pending]) -> None:
        with self._context.inventory.change() as contents:
            group = contents.group(name)
            contents.groups[name] = dataclasses.replace(
                group, pending=tuple(item for item in group.pending
                                     if item not in told))

    def _author(self, contents: inventory.Contents, group: inventory.Group,
                item: inventory.Pending, key: keys_module.Key
                ) -> authoring.Authored | None:
        vnf = contents.vnfs.get(item.vnf)
        if vnf is None or vnf.state != inventory.ACTIVE:
            return None
        document = group.keys[item.epoch - 1]
        secret = None
        if item.action == JOIN:
            secret = self._context.keys.group_secret(group.name, item.epoch)
        payload = payload_module.GroupKey(
            payload_module.GroupKey.JOIN if item.action == JOIN
            else payload_module.GroupKey.LEAVE,
            document.key_id, item.epoch, secret)
        return self._context.sealed(key, payload, recipient=vnf.key)
