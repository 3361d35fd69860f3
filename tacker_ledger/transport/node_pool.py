# SPDX-License-Identifier: Apache-2.0
"""Which node to ask next, and what each has been caught at.

S0 (section III.A) gives a client several node addresses so that a node
which withholds answers is bypassed.  A pool starts in a random order, so
that a thousand clients do not all ask the first node, and stays with a node
that answers, so that its connection is kept.  A failing node is passed over
for a growing pause, a stale one until it shows a newer head, a lying one
for good: each is asked only when nobody better is left, because an answer
is proven or refused whoever gives it.

The pool remembers the newest head that each member signed.  A later answer
of that member with a lower head, or with another head at that height, is a
lie; the pool keeps it with the bytes that show it.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import random
import secrets
import threading
import time

from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer as answer_module

PAUSE_MIN_SECONDS = 1.0
PAUSE_MAX_SECONDS = 300.0
#: Lies kept per node; more of them add nothing.
OFFENCES_MAX_COUNT = 8
#: A larger answer is not kept as the proof of an earlier head.
HEARD_MAX_BYTES = 256 * 1024

Node = bootstrap.Node
Request = answer_module.Request


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """A head that a member signed.

    :param answer: the bytes which say so; None if they were too many
    """

    height: int
    digest: bytes
    answer: bytes | None


@dataclasses.dataclass(frozen=True, slots=True)
class Offence:
    """A lie of a node.

    :param code: of the error that names it
    :param request: what was asked
    :param answer: the encoded signed answer
    :param earlier: an earlier signed answer that contradicts it, where the
        lie does not show by itself
    """

    node: Node
    code: str
    request: Request
    answer: bytes
    earlier: bytes | None = None


@dataclasses.dataclass(slots=True)
class _Record:
    node: Node
    failures: int = 0
    not_before: float = 0.0
    stale_height: int | None = None
    heard: Heard | None = None
    offences: list[Offence] = dataclasses.field(default_factory=list)
    lying: bool = False

    def order(self, now: float) -> tuple[bool, bool, bool]:
        return (self.lying, self.not_before > now,
                self.stale_height is not None)


class NodePool:
    """The nodes of a client; safe for several threads.

    :param nodes: (url, member) pairs or :class:`Node` objects
    :param clock: seconds of a monotonic clock
    :param generator: for the order and the jitter of pauses; it decides
        nothing that must stay secret
    """

    def __init__(self, nodes: Iterable[Node | tuple[str, int]], *,
                 clock: Callable[[], float] = time.monotonic,
                 generator: random.Random | None = None) -> None:
        self._clock = clock
        self._generator = generator or secrets.SystemRandom()
        self._lock = threading.Lock()
        made = [node if isinstance(node, Node) else Node(*node)
                for node in nodes]
        if not made:
            raise errors.BadOption('At least one node is needed.',
                                   option='nodes')
        self._records = {node: _Record(node) for node in made}
        self._rank = list(self._records)
        self._generator.shuffle(self._rank)

    def nodes(self) -> tuple[Node, ...]:
        """Return all nodes in the order in which to ask them now."""
        now = self._clock()
        with self._lock:
            return tuple(sorted(
                self._rank, key=lambda node: self._records[node].order(now)))

    def others(self, node: Node) -> tuple[Node, ...]:
        """Return the same without one: whom to ask for a second opinion."""
        return tuple(other for other in self.nodes() if other != node)

    def replace(self, nodes: Sequence[Node]) -> None:
        """Go on with other nodes; those which stay keep their records."""
        if not nodes:
            return
        with self._lock:
            new = [node for node in nodes if node not in self._records]
            self._generator.shuffle(new)
            self._records = {
                node: self._records.get(node) or _Record(node)
                for node in nodes}
            self._rank = [node for node in self._rank
                          if node in self._records] + new

    def mark_failing(self, node: Node,
                     retry_after_seconds: float = 0.0) -> None:
        """Pass over a node for a while: it did not answer, or is busy.

        :param retry_after_seconds: what the node itself asked for
        """
        with self._lock:
            record = self._records.get(node)
            if record is None:
                return
            pause = min(PAUSE_MAX_SECONDS,
                        PAUSE_MIN_SECONDS * 2 ** min(record.failures, 16))
            pause = max(pause, min(retry_after_seconds, PAUSE_MAX_SECONDS))
            record.failures += 1
            record.not_before = self._clock() + pause * (
                0.5 + self._generator.random())

    def mark_answered(self, node: Node) -> None:
        """Take a node for working again."""
        with self._lock:
            record = self._records.get(node)
            if record is not None:
                record.failures = 0
                record.not_before = 0.0

    def mark_stale(self, node: Node) -> None:
        """Pass over a node until its head is newer than it is now."""
        with self._lock:
            record = self._records.get(node)
            if record is not None:
                record.stale_height = (record.heard.height if record.heard
                                       else -1)

    def mark_lying(self, offence: Offence) -> None:
        """Pass over a node for good and keep what shows its lie."""
        with self._lock:
            record = self._records.get(offence.node)
            if record is not None:
                record.lying = True
                if len(record.offences) < OFFENCES_MAX_COUNT:
                    record.offences.append(offence)

    def offences(self) -> tuple[Offence, ...]:
        """Return the lies kept, of all nodes."""
        with self._lock:
            return tuple(offence for record in self._records.values()
                         for offence in record.offences)

    def heard(self, node: Node) -> Heard | None:
        """Return the newest head that a node has signed for this client.

        Take it *before* asking: of two answers asked for at the same time
        either may have the lower head.
        """
        with self._lock:
            record = self._records.get(node)
            return None if record is None else record.heard

    def note(self, node: Node, before: Heard | None, request: Request,
             answer: answer_module.Answer, raw: bytes) -> None:
        """Compare a member's answer with what it said before, and keep it.

        :param before: what :meth:`heard` returned before asking
        :param answer: authentic: its signature was checked
        :param raw: its bytes
        :raises HeadRollback: its head is lower than one before
        :raises ForkedChain: another head at the same height
        """
        code = None
        if before is not None and answer.head_height < before.height:
            code = errors.HeadRollback.code
        elif (before is not None and answer.head_height == before.height
                and answer.head_digest != before.digest):
            code = errors.ForkedChain.code
        if before is not None and code is not None:
            self.mark_lying(Offence(node, code, request, raw, before.answer))
            raise errors.ALL_CODES[code](
                f'{node.url} signed a head that contradicts one it signed '
                'before.', url=node.url, member=node.member,
                before=before.height, now=answer.head_height)
        with self._lock:
            record = self._records.get(node)
            if record is None:
                return
            if (record.heard is None
                    or answer.head_height > record.heard.height):
                record.heard = Heard(
                    answer.head_height, answer.head_digest,
                    raw if len(raw) <= HEARD_MAX_BYTES else None)
            if (record.stale_height is not None
                    and answer.head_height > record.stale_height):
                record.stale_height = None
