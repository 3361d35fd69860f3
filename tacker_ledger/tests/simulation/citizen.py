# SPDX-License-Identifier: Apache-2.0
"""Members with links: greetings, one voter per identity, doubt.

Here a process has to be held by a quorum before it signs, as in the product.
The shipped ``instances``, ``greeting`` and ``doubt`` decide; this carries
hellos and answers between two ends of a link, notices when a link is dead,
and tells the replica whether it may vote.
"""

from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import instances
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.node import doubt as doubt_module
from tacker_ledger.node import greeting
from tacker_ledger.tests.simulation import member
from tacker_ledger.transport import link as link_module

#: How often a process looks after its links.
_TICK_US = 250_000
#: After so long without a frame a link is closed.
_SILENCE_US = 3_000_000
#: Of one frame of a greeting, lowest and highest.
_GREETING_US = (500, 20_000)
_NONCE_BYTES = 16


class End:
    """One end of a link.

    :param owner: whose end it is
    :param peer: the process at the other end
    """

    def __init__(self, owner: 'Citizen', peer: 'Citizen'):
        self.owner = owner
        self.peer = peer
        self.other: End = self
        self.life = owner.life
        self.nonce = b''
        self.instance = instances.NOBODY
        self.claimed = 0
        self.heard_us = owner.clock.now_us
        self.accepted = False
        self.answered = False
        self.up = False
        self.closed = False


class Citizen(member.Member):
    """A member that greets, is held, and may be in doubt."""

    def read_votes(self, may_vote: bool) -> tuple[list[bytes], bool]:
        """Begin a life: a new instance, and what the vote log says."""
        world = self.world
        self.life = self._life
        self.links: dict[int, End] = {}
        self._ends: list[End] = []
        self._away_until_us = 0
        self._voting = False
        self.claim = instances.Claim(
            world.link_draw.randbytes(messages.INSTANCE_BYTES))
        self.doubt = doubt_module.Doubt(
            self.ledger, world.provider,
            lambda: [signer.public for signer in self.signers],
            self._keep_doubt)
        if self.disk.doubt:
            self.doubt.begin(self.disk.doubt)
        try:
            records = self.disk.vote_records()
            self.doubt.know(records)
        except errors.CorruptStore as exc:
            records = []
            self.doubt.begin(exc.message)
        self._remembered = greeting.remembered(
            world.h, self.height + 1, records)
        self.greeter = greeting.Greeter(
            self.ledger, world.provider, self.claim, self._index_of[
                self.process], self.seeds[-1], self._newest)
        self.claim.observe(bool(self.doubt.reason))
        self.clock.post(world.link_draw.randrange(_TICK_US), self._tick,
                        self.life)
        return records, False

    def _keep_doubt(self, reason: str) -> None:
        self.disk.doubt = reason

    def _newest(self, index: int) -> bytes | None:
        newest = self.replica.newest(index)
        if newest is not None:
            return messages.encode(newest)
        return self._remembered.get(index)

    @property
    def observes(self) -> bool:
        """Whether it is in doubt."""
        return bool(self.doubt.reason)

    @property
    def votes(self) -> bool:
        """Whether it may sign."""
        return self.running and self._voting

    # Links

    def connected(self, process: int) -> None:
        """It dials by itself."""

    def disconnected(self, process: int) -> None:
        """A process has ended: the link to it is closed."""
        if self.running:
            for end in [end for end in self._ends
                        if end.peer.process == process]:
                self.close(end)

    def crash(self) -> None:
        """Lose everything that is not on the disk."""
        super().crash()
        for end in self._ends:
            end.closed = True

    def _tick(self, life) -> None:
        """Look after the links, as long as this life lasts."""
        if life is not self._life:
            return
        now_us, world = self.clock.now_us, self.world
        for end in list(self._ends):
            if now_us - end.heard_us > _SILENCE_US:
                self.close(end)
            elif end.up:
                self._post(end, Citizen.hear_ping)
        if now_us >= self._away_until_us:
            for peer in world.members[self.process + 1:]:
                if peer.name != self.name and all(
                        end.peer is not peer for end in self._ends):
                    self._dial(peer)
        if self.claim.release_due(now_us // 1000, self._quorum,
                                  self._draw_ms):
            self._release(self._draw_ms() * 1000)
        self.clock.post(_TICK_US, self._tick, life)

    def _draw_ms(self) -> int:
        return self.world.link_draw.randint(400, 1_200)

    @property
    def _quorum(self) -> int:
        return self.ledger.federation.quorum

    def _dial(self, peer: 'Citizen') -> None:
        if not peer.running or self.clock.now_us < peer.away_until_us:
            return
        mine, theirs = End(self, peer), End(peer, self)
        mine.other, theirs.other = theirs, mine
        for end in (mine, theirs):
            end.owner.begin(end)

    @property
    def away_until_us(self) -> int:
        """Until when it takes no links."""
        return self._away_until_us

    def begin(self, end: End) -> None:
        """Say hello at a new end."""
        self._ends.append(end)
        end.nonce = self.world.link_draw.randbytes(_NONCE_BYTES)
        self._post(end, Citizen.hear_hello, self.greeter.hello(end.nonce))

    def _post(self, end: End, action, *arguments) -> None:
        """Have something happen at the other end, if the link carries it."""
        if self.network.is_blocked(self.process, end.peer.process):
            return
        delay_us = self.world.link_draw.randint(*_GREETING_US)
        self.clock.post(delay_us, _deliver, end.other, action, *arguments)

    def hear_ping(self, end: End) -> None:
        """The other end is alive."""

    def hear_hello(self, end: End, frame: bytes) -> None:
        """Judge a hello; answer it in any case."""
        index = self._index_of[end.peer.process]
        try:
            hello = self.greeter.read_hello(index, frame)
        except errors.LedgerError:
            self.close(end)
            return
        end.instance, end.claimed = hello.instance, hello.head_height
        held = self._hold(index, end)
        self._post(end, Citizen.hear_answer, self.greeter.answer(
            index, link_module.Greeting(hello.instance, hello.nonce), held))
        end.accepted = self.links.get(index) is end
        self._look_at(end, index)

    def _hold(self, index: int, end: End) -> bytes:
        """Return the instance held for a member, perhaps a new one."""
        held = self.links.get(index)
        if held is None or held is end or instances.replaces(
                held.instance, end.instance):
            self.links[index] = end
            if held is not None and held is not end:
                self.close(held)
        return self.links[index].instance

    def hear_answer(self, end: End, frame: bytes) -> None:
        """Judge the answer to our hello."""
        index = self._index_of[end.peer.process]
        try:
            shown = self.greeter.check_answer(index, end.nonce, frame)
        except errors.Duplicate:
            self.claim.refused(index)
            self.close(end)
            return
        except errors.LedgerError:
            self.close(end)
            return
        end.answered = True
        if shown is not None:
            self.doubt.shown(shown)
        self._look_at(end, index)
        self.update()

    def _look_at(self, end: End, index: int) -> None:
        """Count a link once both sides have greeted."""
        if end.up or end.closed or not (end.accepted and end.answered):
            return
        end.up = True
        self.claim.up(index, self.claim.offer())
        self.update()
        self.catch(catch_up.LinkUp(index))
        self.catch(catch_up.Claimed(index, end.claimed))
        self.drive(effects.PeerConnected(index))

    def close(self, end: End) -> None:
        """Close an end, and soon the other one."""
        if end.closed:
            return
        end.closed = True
        self._ends.remove(end)
        index = self._index_of[end.peer.process]
        if self.links.get(index) is end:
            del self.links[index]
            if end.up:
                self.claim.down(index)
                self.doubt.lost(index)
                self.catch(catch_up.LinkDown(index))
                self.drive(effects.PeerLost(index))
                self.update()
        self.clock.post(_GREETING_US[0], _close, end.other)

    def _release(self, pause_us: int) -> None:
        """Close all links, and make none for a while."""
        self._away_until_us = self.clock.now_us + pause_us
        for end in list(self._ends):
            self.close(end)

    def update(self) -> None:
        """Tell the replica whether it may vote, if that has changed."""
        if self.claim.observe(bool(self.doubt.reason)):
            self._release(0)
        allowed = (not self.doubt.reason
                   and self.claim.has_quorum(self._quorum))
        if allowed != self._voting:
            self._voting = allowed
            self.drive(effects.VotingChanged(allowed))

    # Frames go over held links alone

    def send(self, message, to: int | None) -> None:
        """Send to a member whose link is up, or to all of them."""
        for index, end in list(self.links.items()):
            if to in (None, index) and end.up:
                self.network.send(self.process, end.peer.process, message)

    def hear(self, frame, process: int) -> None:
        """Take a frame of the process that is held for its member."""
        index = self._index_of.get(process) if self.running else None
        end = None if index is None else self.links.get(index)
        if end is not None and end.up and end.peer.process == process:
            end.heard_us = self.clock.now_us
            super().hear(frame, process)

    # What doubt has to know

    def _execute_persist(self, effect: effects.Persist) -> None:
        self.doubt.signed(effect.records)
        super()._execute_persist(effect)

    def fetched(self, block, proof: bytes) -> None:
        """See ``Member``."""
        self.doubt.certified(block.header.height, proof)

    def _moved(self, height: int, view: int) -> None:
        self.doubt.moved()
        self.update()
        super()._moved(height, view)


def _deliver(end: End, action, *arguments) -> None:
    """Let something happen at an end that is open and alive."""
    if not end.closed and end.life is end.owner.life and end.owner.running:
        end.heard_us = end.owner.clock.now_us
        action(end.owner, end, *arguments)


def _close(end: End) -> None:
    if not end.closed and end.life is end.owner.life and end.owner.running:
        end.owner.close(end)
