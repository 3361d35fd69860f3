# SPDX-License-Identifier: Apache-2.0
"""This node's place in the federation in force, and what follows from it.

A node is a member while the federation in force names one of its vote keys;
before and after that it only follows and answers reads.  At the height from
which a document acts, its index, its keys, its peers and their pins change
together, without a restart.
"""

import asyncio
from typing import Any
from typing import TYPE_CHECKING

from oslo_log import log as logging

from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import assembly
from tacker_ledger.node import credentials as credentials_module
from tacker_ledger.node import greeting
from tacker_ledger.node import identity as identity_module
from tacker_ledger.node import switchboard
from tacker_ledger.transport import peers

if TYPE_CHECKING:
    from tacker_ledger.node import service

LOG = logging.getLogger(__name__)


class Membership:
    """One node's place.

    :param node: whose parts hear of changes
    :raises BadOption: the configuration does not fit the federation
    :raises UnsupportedVersion: rules in force are not known here
    """

    def __init__(self, node: 'service.Node') -> None:
        self._node = node
        self._identity = node.identity
        assembly.check_place(node.conf, node.identity, node.application)
        assembly.check_keys(node.conf, node.provider, node.identity,
                            node.application.federation)
        self._federation = node.application.federation
        #: Index in the federation in force; ``identity.NO_MEMBER`` if none.
        self.member = node.identity.index_in(self._federation)
        #: The last index that was not "none", for answers.
        self.shown_index = max(self.member, 0)
        self.credentials = credentials_module.Credentials(node.conf,
                                                          node.identity)
        self._greeter: greeting.Greeter | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch = credentials_module.Watch(
            self.credentials.changed, self._reload,
            node.conf.node.reload_interval_seconds)

    @property
    def is_member(self) -> bool:
        """Whether the federation in force names this node."""
        return self.member != identity_module.NO_MEMBER

    def vote_keys(self) -> list[bytes]:
        """Return the own vote keys that bind this member."""
        return self._identity.keys_in(self._federation)

    def counts(self, member: int) -> bool:
        """Return whether it matters that a peer holds this process."""
        return self._greeter is None or not self._greeter.is_ahead(member)

    # The links

    def make_hub(self) -> peers.PeerHub:
        """Return the links to the others, none of them up.

        :raises BadOption: certificate, key and CA do not belong together
        """
        node = self._node
        # the process may have ended between a block and what follows it
        if node.registry.epoch != self._federation.epoch:
            self._move_registry(self._of_epoch(node.registry.epoch))
        self._greeter = greeting.Greeter(
            node.application, node.provider, node.claim, self.member,
            self._identity.seed_in(self._federation),
            node.consensus.newest)
        handler = switchboard.Switchboard(node.frames, self._greeter)
        return assembly.hub(node.conf, handler,
                            *self.credentials.load(self._federation))

    def peers(self, before: federation_module.Federation | None = None
              ) -> list[peers.Peer]:
        """Return whom to connect to.

        :param before: the document which that in force has replaced; None:
            what the chain says
        """
        return identity_module.peer_list(
            self._node.conf, self._identity, self._federation,
            before or self._before())

    def _before(self) -> federation_module.Federation | None:
        epoch = self._federation.epoch
        return None if epoch == 0 else self._of_epoch(epoch - 1)

    def _of_epoch(self, epoch: int) -> federation_module.Federation | None:
        store = self._node.store
        with store.env.read() as txn:
            rows = store.chain.federations(txn, epoch)
        if not rows or rows[0].epoch != epoch:
            return None  # it begins with a snapshot, or was cut back
        signed = federation_module.SignedFederation.from_bytes(
            rows[0].signed)
        return federation_module.Federation.of(store.h, signed.document)

    def bind_address(self) -> tuple[str, int]:
        """Return where to listen for others.

        :raises BadOption: no document says so, and no option does
        """
        options = self._node.conf.node
        host, port = options.bind_host, options.bind_port
        for federation in (self._federation, self._identity.newest):
            own = None if federation is None else federation.member(
                self._identity.index_in(federation))
            if own is not None:
                named = identity_module.split_address(own.peer_address)
                return host or named[0], port or named[1]
        if not (host and port):
            raise conf_module.bad(
                'bind_port', 'node', 'bind_host and bind_port are needed '
                'until a federation document names this member')
        return host, port

    # Life

    def start(self) -> None:
        """Watch the files; say so if this node is no member."""
        self._watch.start()
        self._tell()
        self._node.voting.update()

    async def stop(self) -> None:
        """Watch no more."""
        await self._watch.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reload(self) -> None:
        """Read certificate, key and CA again."""
        self._watch.now()

    def _reload(self) -> None:
        self._node.hub.use(*self.credentials.load(self._federation))
        LOG.info('Certificate, key and CA are read again; new connections '
                 'use them')

    def outside(self) -> str:
        """Return why this node is no member, '' if it is one."""
        if self.is_member:
            return ''
        name, epoch = self._identity.name, self._federation.epoch
        if name in (one.name for one in self._federation.members):
            return (f'the federation of epoch {epoch} names another vote key '
                    f'of {name} than this node has')
        return f'{name} is no member of the federation of epoch {epoch}'

    def _tell(self) -> None:
        self._node.voting.outside = reason = self.outside()
        if reason:
            LOG.warning('This node votes not, and answers reads: %s', reason)

    # Changes

    def changed(self) -> None:
        """Another federation document is in force now."""
        node = self._node
        before, self._federation = (self._federation,
                                    node.application.federation)
        self._reread()
        self.member = self._identity.index_in(self._federation)
        self.shown_index = (self.member if self.is_member
                            else self.shown_index)
        LOG.warning('The federation of epoch %s is in force: %s; this node '
                    'is %s', self._federation.epoch, ', '.join(
                        one.name for one in self._federation.members),
                    f'member {self.member}' if self.is_member
                    else 'no member')
        self._tell()
        try:
            assembly.check_place(node.conf, self._identity, node.application)
            self._relink(before)
        except errors.LedgerError as error:
            node.voting.halted(error.code, error.message)
        self._move_enrolments(before)
        node.voting.update()

    def _reread(self) -> None:
        """Look for a vote key that was made while the node ran."""
        node = self._node
        try:
            found = identity_module.reread(node.conf, node.provider,
                                           self._identity)
        except errors.BadOption as error:
            LOG.error('The vote keys are not read again: %s', error.message)
            return
        if found.vote_keys != self._identity.vote_keys:
            self._identity = node.identity = found
            node.consensus.engine.take_keys(found.vote_seeds)

    def _relink(self, before: federation_module.Federation) -> None:
        hub = self._node.hub
        assert self._greeter is not None
        again = self._greeter.moved(
            self.member, self._identity.seed_in(self._federation))
        for member in again:
            hub.disconnect(member, 'its greeting can be verified now')
        found = self.credentials.load(self._federation)
        if found[0] != hub.node_key:
            LOG.warning('The node key has changed; new connections use it')
            hub.use(*found)
        hub.update(self.peers(before))

    def _move_registry(self, before: federation_module.Federation | None
                       ) -> None:
        """Enrolments belong to members by their names."""
        places = {member.name: index for index, member
                  in enumerate(self._federation.members)}
        self._node.registry.moved(self.member, {
            index: places.get(member.name) for index, member
            in enumerate(before.members if before else ())},
            self._federation.epoch)

    def _move_enrolments(self, before: federation_module.Federation) -> None:
        node = self._node
        was_member = node.registry.member != identity_module.NO_MEMBER
        self._move_registry(before)
        if self.is_member and not was_member:
            self._later(node.registry.configure(
                identity_module.enrolled_keys(node.conf)))
        for member in node.hub.members_up():
            node.registry.connected(member)

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
