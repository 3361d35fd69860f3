# SPDX-License-Identifier: Apache-2.0
"""One replica among members whose every word the test decides."""

import dataclasses

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import replica
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers
from tacker_ledger.tests.simulation import stub

NOW_MS = ledgers.START_MS
PROVIDER = federations.PROVIDER


class Votes:
    """Makes the messages of any member of a federation."""

    def __init__(self, made: federations.Made):
        self.made = made
        self.h = made.h

    def sign(self, member: int, kind: int, height: int, view: int,
             digest: bytes) -> bytes:
        """Return a member's signature under a vote."""
        return self.made.sites[member].sign_vote(messages.vote_message(
            self.h, kind, height, view, digest))

    def proposal(self, member: int, block: block_module.Block,
                 view: int = 0) -> messages.PrePrepare:
        """Return a member's pre-prepare."""
        height = block.header.height
        return messages.PrePrepare(
            height, view, member, block.to_bytes(),
            self.sign(member, messages.PrePrepare.KIND, height, view,
                      block.digest))

    def vote(self, kind, member: int, block: block_module.Block,
             view: int = 0):
        """Return a member's prepare or commit."""
        return kind(block.header.height, view, member, block.digest[:8],
                    self.sign(member, kind.KIND, block.header.height, view,
                              block.digest))

    def prepare(self, member, block, view=0) -> messages.Prepare:
        """Return a member's prepare."""
        return self.vote(messages.Prepare, member, block, view)

    def commit(self, member, block, view=0) -> messages.Commit:
        """Return a member's commit."""
        return self.vote(messages.Commit, member, block, view)

    def prepared(self, members, block, view=0
                 ) -> messages.PreparedCertificate:
        """Return the certificate that members prepared a block."""
        leader = view % len(self.made.sites)
        height = block.header.height
        return messages.PreparedCertificate(
            view, block.header_bytes, tuple(
                (member, self.sign(
                    member, messages.PrePrepare.KIND if member == leader
                    else messages.Prepare.KIND, height, view, block.digest))
                for member in members))

    def change(self, member: int, view: int = 1, prepared=None, head=None,
               height: int = 1) -> messages.ViewChange:
        """Return a member's view change.

        :param head: (header, certificate) before the height in flight;
            None for genesis
        """
        if head is None:
            head = (block_module.genesis_header(
                self.h, self.made.federation).to_bytes(), b'')
        return self._signed(messages.ViewChange(
            height, view, member, messages.head_pair(*head), prepared,
            bytes(64)))

    def new_view(self, member: int, changes, header=None
                 ) -> messages.NewView:
        """Return a leader's new view."""
        return self._signed(messages.NewView(
            changes[0].height, changes[0].view, member,
            tuple(map(messages.encode, changes)), header, bytes(64)))

    def _signed(self, message):
        return dataclasses.replace(
            message, signature=self.made.sites[message.member].sign_vote(
                messages.signed_part(self.h, message)))


class Scene(Votes):
    """A replica of one member, the ledger under it, and its effects.

    :param member: whose it is; None for an observer
    """

    def __init__(self, member: int | None = 1, n: int = 4, *, start=True,
                 made=None, ledger=None, records=(), **config):
        super().__init__(made or federations.genesis(n))
        self.ledger = ledger or ledgers.Ledger(self.made)
        signers = () if member is None else (stub.SeedSigner(
            PROVIDER, self.made.sites[member].vote_seed),)
        self.replica = replica.Replica(
            replica.Config(**config), self.ledger.application, signers,
            PROVIDER)
        #: What the timer of the view was last set to, None if cancelled.
        self.view_timer_ms: int | None = None
        self.now_ms = NOW_MS
        self.persisted: list[bytes] = []
        if start:
            self.step(effects.Start(records))

    def block(self, labels=(), **fields) -> block_module.Block:
        """Return a block that the ledger would accept next."""
        return self.ledger.propose(
            [ledgers.digest_transaction(self.h, label) for label in labels],
            **fields).block

    def pool(self, *labels) -> None:
        """Let transactions wait to be proposed."""
        self.ledger.pool.waiting = [
            ledgers.digest_transaction(self.h, label) for label in labels]

    def step(self, event):
        """Take one event; return the effects.

        Those on the timer of the view are left out: see ``view_timer_ms``.
        """
        if event == effects.Timer(effects.TIMER_VIEW):
            self.view_timer_ms = None
        found = []
        for effect in self.replica.step(event, self.now_ms):
            match effect:
                case effects.SetTimer(effects.TIMER_VIEW, delay_ms):
                    self.view_timer_ms = delay_ms
                case effects.CancelTimer(effects.TIMER_VIEW):
                    self.view_timer_ms = None
                case _:
                    found.append(effect)
        return found

    def hear(self, message, member=None):
        """Receive a message; return the effects."""
        return self.step(effects.Received(
            message, message.member if member is None else member))

    def write(self, found):
        """End all writes among effects; return what follows."""
        following = []
        for effect in found:
            if isinstance(effect, effects.Persist):
                self.persisted += effect.records
                following += self.step(effects.Persisted(effect.record_id))
        return following

    def commit_block(self, append: effects.Append):
        """Do what a driver does to append; return the effects."""
        self.ledger.state.update(append.outcome.changes.changes)
        self.ledger.application.committed(append.outcome, append.certificate)
        return self.step(effects.BlockCommitted(
            append.outcome.block.header.height, append.view))


def only(found, kind) -> list:
    """Return the effects of one kind."""
    return [effect for effect in found if isinstance(effect, kind)]


def written(found) -> list:
    """Return what is made durable, as names of messages."""
    return [type(messages.decode(record)).__name__
            for effect in only(found, effects.Persist)
            for record in effect.records]


def sent(found) -> list:
    """Return (kind of message, receiver) of what is sent."""
    return [(type(effect.message).__name__, effect.to)
            for effect in only(found, effects.Send)]
