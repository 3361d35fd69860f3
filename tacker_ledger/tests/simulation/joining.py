# SPDX-License-Identifier: Apache-2.0
"""Members that give the state at a height, and take it when far behind.

The shipped ``snapshot_exchange`` decides what to ask for and what to
believe; this holds the state for others, waits for answers, keeps pages as
files are kept (a crash loses them), and puts a whole snapshot on the disk.
"""

import itertools

from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.consensus import snapshot_messages
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.core.ledger import snapshot_exchange
from tacker_ledger.core.ledger import state_map
from tacker_ledger.tests.simulation import disk as disk_module
from tacker_ledger.tests.simulation import liar
from tacker_ledger.tests.simulation import member

Part = snapshot.Part

#: How long a member may take for one answer.
_TIMEOUT_US = 2_000_000
#: How long a snapshot is held, and may take altogether.
_WHOLE_US = 30_000_000
#: Snapshots held at once, for different members.
_HELD_MAX_COUNT = 2


class _Held:
    """The state as it was when somebody asked for it."""

    def __init__(self, number: int, disk: disk_module.Disk,
                 from_epoch: int):
        self.number = number
        self.block = disk.newest
        self._parts = {
            Part.FEDERATIONS: [
                (epoch.to_bytes(4, 'big'),
                 snapshot_messages.certified_block(*pair))
                for epoch, pair in sorted(disk.documents.items())
                if epoch >= from_epoch],
            Part.STATE: [(key, disk.state.get(key))
                         for key, _hash in disk.state.hashes()],
            Part.ADDRESSED: sorted(disk.addressed.items())}

    def page(self, part: Part, after: bytes):
        """Return a page and whether there is more."""
        return snapshot.fill_page(
            item for item in self._parts[part] if item[0] > after)


class _Incoming:
    """A snapshot as it comes from a member."""

    def __init__(self, take: catch_up.FetchSnapshot,
                 exchange: snapshot_exchange.Exchange):
        self.take = take
        self.exchange = exchange
        self.request_id = 0
        self.pages = 0
        self.kept = {Part.STATE: [], Part.ADDRESSED: []}


class Snapshots:
    """The part of a member that gives snapshots and takes them."""

    def __init__(self, *arguments, **fields):
        super().__init__(*arguments, **fields)
        #: Stop before this page is judged, and what is done then.
        self.stop_at_page: int | None = None
        #: Heights at which snapshots were put in.
        self.installed: list[int] = []
        #: Who gave no good one, and why.
        self.distrusted: list[tuple[int, str]] = []
        for cls in snapshot_messages.BY_KIND.values():
            self._handlers[cls] = self._hear_answer
        self._handlers |= {
            snapshot_messages.GetSnapshot: self._give,
            snapshot_messages.GetPage: self._give_page,
            snapshot_messages.EndSnapshot: self._let_go}

    def start(self, *, may_vote: bool = True) -> None:
        """See ``Member``: nothing that was fetched or held is left."""
        self._held: dict[int, _Held] = {}
        self._numbers = itertools.count(1)
        self._incoming: _Incoming | None = None
        super().start(may_vote=may_vote)

    def hear(self, frame, process: int) -> None:
        """See ``Member``."""
        if type(frame) is bytes and snapshot_messages.is_snapshot(frame):
            try:
                frame = snapshot_messages.decode(frame)
            except errors.FormatError:
                self.garbage += 1
                return
        super().hear(frame, process)

    def connected(self, process: int) -> None:
        """See ``Member``; this one may never have been started."""
        if self.running:
            super().connected(process)

    def disconnected(self, process: int) -> None:
        """See ``Member``."""
        sender = self._index_of.get(process) if self.running else None
        super().disconnected(process)
        if sender is not None:
            self._held.pop(sender, None)
            incoming = self._incoming
            if incoming is not None and incoming.take.member == sender:
                self._failed(incoming, errors.NoNode('The link is down.'))

    # Giving

    def serve(self, message: messages.GetBlocks, sender: int) -> None:
        """See ``Fetching``: blocks up to the first that is missing."""
        first = message.from_height - 1
        given = itertools.takewhile(
            lambda pair: pair is not None,
            self.disk.outcomes[first:first + message.max_count])
        self.send(messages.Blocks(message.request_id, self.height, tuple(
            (outcome.block.to_bytes(), proof) for outcome, proof in given)),
            sender)

    def _give(self, message: snapshot_messages.GetSnapshot,
              sender: int) -> None:
        self._held.pop(sender, None)
        code = errors.NotFound.code if not self.height else (
            errors.Busy.code if len(self._held) >= _HELD_MAX_COUNT else '')
        if code:
            self.send(snapshot_messages.NoSnapshot(message.request_id, code),
                      sender)
            return
        held = _Held(next(self._numbers), self.disk, message.from_epoch)
        self._held[sender] = held
        self._later(_WHOLE_US, lambda: self._let_go(
            snapshot_messages.EndSnapshot(held.number), sender))
        self.send(snapshot_messages.Snapshot(
            message.request_id, held.number, *held.block), sender)

    def _give_page(self, message: snapshot_messages.GetPage,
                   sender: int) -> None:
        held = self._held.get(sender)
        if held is None or held.number != message.number:
            self.send(snapshot_messages.NoSnapshot(
                message.request_id, errors.NotFound.code), sender)
            return
        items, more = held.page(Part(message.part), message.after)
        self.send(snapshot_messages.Page(
            message.request_id, tuple(items), more), sender)

    def _let_go(self, message: snapshot_messages.EndSnapshot,
                sender: int) -> None:
        held = self._held.get(sender)
        if held is not None and held.number == message.number:
            del self._held[sender]

    # Taking

    def fetch_snapshot(self, effect: catch_up.FetchSnapshot) -> None:
        """Ask a member for a snapshot (see ``core.consensus.catch_up``)."""
        incoming = self._incoming = _Incoming(
            effect, snapshot_exchange.Exchange(
                self.ledger, self.world.provider, effect.height,
                self._numbers))
        self._ask(incoming, incoming.exchange.begin())
        self._later(_WHOLE_US, lambda: self._failed(
            incoming, errors.Timeout('The snapshot does not end.')))

    def distrust(self, effect: catch_up.Distrust) -> None:
        """Note whose answers were no good."""
        self.distrusted.append((effect.member, effect.code))

    def _ask(self, incoming: _Incoming, request) -> None:
        incoming.request_id = request.request_id
        self.send(request, incoming.take.member)

        def late() -> None:
            if incoming.request_id == request.request_id:
                self._failed(incoming, errors.Timeout('No answer in time.'))

        self._later(_TIMEOUT_US, late)

    def _hear_answer(self, message, sender: int) -> None:
        incoming = self._incoming
        if (incoming is None or sender != incoming.take.member
                or message.request_id != incoming.request_id):
            return
        incoming.request_id = 0
        exchange = incoming.exchange
        try:
            request = exchange.answered(message)
            if request is not None:
                self._ask(incoming, request)
            if isinstance(message, snapshot_messages.Page):
                incoming.pages += 1
                if incoming.pages == self.stop_at_page:
                    self.stop_at_page = None
                    self._end(incoming)
                    self.crash()
                    self.on_stop(self)
                    return
                part, items = exchange.judge()
                if items:
                    incoming.kept[part] += items
        except errors.LedgerError as exc:
            self._failed(incoming, exc)
            return
        if request is None:
            self._later(self._delay_us(self.options.durations.append_us),
                        lambda: self._put_in(incoming))

    def _end(self, incoming: _Incoming) -> None:
        """It is over, one way or the other."""
        self._incoming = None
        incoming.request_id = 0
        if incoming.exchange.end is not None:
            self.send(incoming.exchange.end, incoming.take.member)

    def _failed(self, incoming: _Incoming, error: errors.LedgerError
                ) -> None:
        if self._incoming is not incoming:
            return
        self._end(incoming)
        self.catch(catch_up.TakeFailed(
            incoming.take.take_id, error.code, error.message, blame=True,
            refused=isinstance(error, errors.NotFound | errors.Busy)))

    def _put_in(self, incoming: _Incoming) -> None:
        """Judge the whole and move there."""
        if self._incoming is not incoming:
            return
        if self._appending:
            # The replica's own block goes first.
            self._later(1_000, lambda: self._put_in(incoming))
            return
        check, h = incoming.exchange.check, self.world.h
        assert check is not None
        values = dict(incoming.kept[Part.STATE])
        try:
            check.check_state(incoming.kept[Part.STATE],
                              state_map.SparseNodes())
            addressed = dict(snapshot.check_addressed(
                h, incoming.kept[Part.ADDRESSED], values.get))
        except errors.LedgerError as exc:
            self._failed(incoming, exc)
            return
        self._end(incoming)
        if check.height > self.height:
            self.disk.install(check, values, addressed)
            self.ledger.start_from(check.head, check.federation)
            self.disk.moved(self.ledger)
            self.installed.append(check.height)
            self.world.clock.changed = True
            self.world.oracle.installed(self, check)
            self._moved(check.height, certificate_module.Certificate
                        .from_bytes(check.certificate).view)
        self.catch(catch_up.Taken(incoming.take.take_id))

    def _still_valid(self, txid: bytes) -> bool | None:
        """See ``RequestTimers``: what a snapshot holds waits in vain."""
        found = super()._still_valid(txid)
        return found and txid not in self.disk.txids


class Member(Snapshots, member.Member):
    """An honest one."""


class Liar(Snapshots, liar.Liar):
    """One that gives snapshots as its plan has it."""
