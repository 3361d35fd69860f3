# SPDX-License-Identifier: Apache-2.0
"""Members that hold real keys and do not do what they should.

A liar runs the shipped replica as everybody does, so it knows what is going
on; a :class:`Plan` decides what leaves and what is heard.  It signs with its
own keys and nobody else's.
"""

from collections.abc import Iterable
import dataclasses
import functools

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import transaction
from tacker_ledger.tests.simulation import member
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import pool

#: What leaves: a frame and for whom, None for all others.
Outgoing = Iterable[tuple[network.Frame, int | None]]


class Plan:
    """What a liar does; this one tells the truth.

    One object serves one liar.
    """

    def begin(self, liar: 'Liar') -> None:
        """The liar's process has started."""

    def outgoing(self, liar: 'Liar', message: messages.Message,
                 to: int | None) -> Outgoing:
        """Return what leaves in place of a message."""
        return ((message, to),)

    def hears(self, liar: 'Liar', message: network.Frame, sender: int
              ) -> bool:
        """Return whether the replica hears of a message."""
        return True

    def candidates(self, liar: 'Liar',
                   waiting: Iterable[transaction.Transaction]
                   ) -> list[transaction.Transaction]:
        """Return what the liar would put into a block."""
        return list(waiting)


class _Pool(pool.Pool):
    """Candidates as the plan has it."""

    def __init__(self, liar: 'Liar', limit: int):
        super().__init__(limit)
        self._liar = liar

    def candidates(self, max_count, max_bytes):
        """See ``application.Pool``."""
        chosen = self._liar.plan.candidates(
            self._liar, [one for one, _since in self.waiting.values()])
        return chosen[:max_count]


class Liar(member.Member):
    """A member that follows a plan.

    :param plan: what it does
    """

    def __init__(self, *arguments, plan: Plan):
        super().__init__(*arguments)
        self.plan = plan
        self.correct = False

    def start(self, *, may_vote: bool = True) -> None:
        """Begin, or begin again."""
        super().start(may_vote=may_vote)
        self.plan.begin(self)

    def make_pool(self) -> pool.Pool:
        """Return where transactions wait."""
        return _Pool(self, self.options.pool_limit)

    def send(self, message: network.Frame, to: int | None) -> None:
        """Send what the plan makes of a message."""
        if isinstance(message, messages.Message):
            for other, target in self.plan.outgoing(self, message, to):
                self.tell(other, target)
        else:
            self.tell(message, to)

    def tell(self, message: network.Frame, to: int | None) -> None:
        """Send as it is."""
        super().send(message, to)

    def hear(self, frame: network.Frame, process: int) -> None:
        """Take a frame from another process."""
        if self.running and isinstance(frame, bytes) and self.world.wire:
            frame = messages.decode(frame)
        sender = self._index_of.get(process) if self.running else None
        if sender is not None and self.plan.hears(self, frame, sender):
            super().hear(frame, process)

    # What its keys allow

    def others(self) -> list[int]:
        """Return the other members."""
        return [index for index in range(self.ledger.federation.size)
                if index != self.index]

    def sign(self, message: bytes) -> bytes:
        """Return its vote key's signature."""
        return self.signers[-1].sign(message)

    def vote(self, cls: type, height: int, view: int, digest: bytes
             ) -> messages.Vote:
        """Return its prepare or commit for a block."""
        return cls(height, view, self.index,
                   digest[:messages.PREFIX_BYTES],
                   self.sign(messages.vote_message(
                       self.world.h, cls.KIND, height, view, digest)))

    def proposal(self, block: block_module.Block, view: int,
                 new_view: bytes | None) -> messages.PrePrepare:
        """Return its pre-prepare of a block."""
        height = block.header.height
        return messages.PrePrepare(
            height, view, self.index, block.to_bytes(),
            self.sign(messages.vote_message(
                self.world.h, messages.PrePrepare.KIND, height, view,
                block.digest)), new_view)

    def signed(self, message):
        """Return a view change or new view with its signature."""
        return dataclasses.replace(message, signature=self.sign(
            messages.signed_part(self.world.h, message)))

    def block_of(self, message: messages.PrePrepare) -> block_module.Block:
        """Return the block that a pre-prepare proposes."""
        return block_module.Block.from_bytes(self.world.h, message.block)

    def changed(self, block: block_module.Block, **fields
                ) -> block_module.Block:
        """Return a block with another header over the same body."""
        return block_module.Block.assembled(
            self.world.h, dataclasses.replace(block.header, **fields),
            block.raw_transactions)

    def rival(self, block: block_module.Block) -> block_module.Block:
        """Return another block that is as valid."""
        return self.changed(block,
                            timestamp_ms=block.header.timestamp_ms + 1)


def make(plan: Plan):
    """Return what makes a liar of a member (``Simulation(factory=)``)."""
    return functools.partial(Liar, plan=plan)


class Silent(Plan):
    """Says nothing, from some moment on.

    :param kinds: message classes that it keeps back; None: all
    """

    def __init__(self, *kinds: type):
        self._kinds = kinds or (messages.Message,)

    def outgoing(self, liar, message, to):
        """See :class:`Plan`."""
        return () if isinstance(message, self._kinds) else ((message, to),)


class Equivocate(Plan):
    """Proposes one block to some and another to the rest; votes for both.

    :param split: draws who gets which: (liar) -> members that get the rival
    :param both: send each the other proposal too, afterwards
    """

    def __init__(self, split, *, both: bool = False):
        self._split = split
        self._both = both
        #: (height, view) -> (block, rival, who has the rival)
        self._made: dict[tuple[int, int], tuple] = {}

    def outgoing(self, liar, message, to):
        """See :class:`Plan`."""
        place = (getattr(message, 'height', 0), getattr(message, 'view', 0))
        if isinstance(message, messages.PrePrepare):
            return self._propose(liar, message, place)
        made = self._made.get(place)
        if made is None or not isinstance(message, messages.Vote):
            return ((message, to),)
        return [(message, index) for index in liar.others()
                if index not in made[2]]

    def _propose(self, liar, message, place):
        if place not in self._made:
            block = liar.block_of(message)
            self._made[place] = (block, liar.rival(block),
                                 frozenset(self._split(liar)))
        _block, rival, with_rival = self._made[place]
        other = liar.proposal(rival, message.view, message.new_view)
        sent = []
        for index in liar.others():
            first = [message, other]
            if index in with_rival:
                first.reverse()
                sent.append((first[0], index))
                sent.append((liar.vote(messages.Commit, *place,
                                       rival.digest), index))
            else:
                sent.append((message, index))
            if self._both:
                sent.append((first[1], index))
        return sent


class Censor(Plan):
    """As leader puts some transactions into no block.

    :param victims: says whether a transaction is one of them
    """

    def __init__(self, victims):
        self._victims = victims

    def candidates(self, liar, waiting):
        """See :class:`Plan`."""
        return [one for one in waiting if not self._victims(one)]


class Propose(Plan):
    """As leader proposes something else.

    :param change: (liar, pre-prepare) -> what leaves in its place
    """

    def __init__(self, change):
        self._change = change

    def outgoing(self, liar, message, to):
        """See :class:`Plan`."""
        if isinstance(message, messages.PrePrepare):
            return [(one, to) for one in self._change(liar, message)]
        return ((message, to),)


class Replace(Plan):
    """Sends something else in place of messages of some kinds.

    :param changes: message class -> (liar, message) -> messages
    """

    def __init__(self, changes: dict):
        self._changes = changes

    def outgoing(self, liar, message, to):
        """See :class:`Plan`."""
        change = self._changes.get(type(message))
        if change is None:
            return ((message, to),)
        return [(one, to) for one in change(liar, message)]


class Usurp(Plan):
    """Opens its view with a new view that it is not entitled to.

    Its proposals then follow that one, as if all were well.

    :param change: (liar, new view) -> what leaves in its place
    """

    def __init__(self, change):
        self._change = change
        #: (height, view) -> digest of the new view that left
        self._opened: dict[tuple[int, int], bytes] = {}

    def outgoing(self, liar, message, to):
        """See :class:`Plan`."""
        if isinstance(message, messages.NewView):
            other, = self._change(liar, message)
            self._opened[other.height, other.view] = messages.digest_of(
                liar.world.h, other)
            return ((other, to),)
        if isinstance(message, messages.PrePrepare):
            opened = self._opened.get((message.height, message.view))
            if opened is not None:
                return ((dataclasses.replace(message, new_view=opened), to),)
        return ((message, to),)


class Flood(Plan):
    """Sends much, again and again.

    :param make: (liar, number) -> frames
    :param every_us: how often
    :param rounds: how many times
    """

    def __init__(self, make_frames, *, every_us: int = 20_000,
                 rounds: int = 50):
        self._make = make_frames
        self._every_us = every_us
        self._rounds = rounds
        self._number = 0

    def begin(self, liar):
        """See :class:`Plan`."""
        self._again(liar)

    def _again(self, liar):
        if not liar.running or self._number >= self._rounds:
            return
        self._number += 1
        for frame in self._make(liar, self._number):
            liar.tell(frame, None)
        liar.clock.post(self._every_us, self._again, liar)
