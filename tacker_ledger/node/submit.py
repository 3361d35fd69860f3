# SPDX-License-Identifier: Apache-2.0
"""The façade of a node: what the doors, RPC and the local socket call.

:class:`NodeFacade` has three implementations which a caller cannot tell
apart: the node itself (``node.service``), a client of the node's local
socket (``node.localsocket``, for API processes) and a client of the RPC
topic (``messaging``).  All methods are coroutines of the caller's loop;
:class:`BlockingFacade` is for callers in threads (WSGI, RPC servers).

Results are values a JSON encoder takes; keys and digests are lower-case
hex there.  Failures are errors of :mod:`tacker_ledger.core.errors`.
"""

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Sequence
import concurrent.futures
import dataclasses
from typing import Any
from typing import Protocol
from typing import TypeVar

from tacker_ledger.core import errors

_T = TypeVar('_T')


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """Who answers: what a door needs to sign answers.

    :param chain_id: 32 bytes
    :param member: index in the federation document in force
    :param name: the member's name there
    :param instance: 16 bytes, drawn by the node process at its start
    """

    chain_id: bytes
    member: int
    name: str
    instance: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class HeadEvent:
    """A block was committed and is durable and readable.

    :param height: of the block
    :param time_ms: its header's timestamp
    :param digest: 32 bytes, its header's digest
    :param changed: state keys (32 bytes) with a new value
    :param txids: ids (32 bytes) of its transactions
    :param complete: False where ``changed`` and ``txids`` are unknown: a
        subscriber has to treat everything as changed
    """

    height: int
    time_ms: int
    digest: bytes
    changed: frozenset[bytes]
    txids: frozenset[bytes]
    complete: bool = True


#: Called once per committed block, in the order of heights, in the loop of
#: the subscriber.  It must return soon and raise nothing: the node logs an
#: exception and goes on.  A subscriber of an API process may see heights
#: skipped after its connection broke: the first event after that has the
#: newest head and is not complete.
HeadListener = Callable[[HeadEvent], Awaitable[None]]


@dataclasses.dataclass(frozen=True, slots=True)
class SubmitResult:
    """What became of one submission.

    :param txid: 32 bytes; None when the bytes do not even parse
    :param code: None when the pool took it, else the stable error code
    :param message: one sentence for a person, with the code
    :param details: of the error, JSON-able
    """

    txid: bytes | None
    code: str | None = None
    message: str | None = None
    details: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the node now holds the transaction."""
        return self.code is None

    def error(self) -> errors.LedgerError | None:
        """Return the refusal as an error object, None if accepted."""
        if self.code is None:
            return None
        return errors.from_dict({'code': self.code, 'message': self.message,
                                 'details': self.details})

    @classmethod
    def refused(cls, txid: bytes | None,
                error: errors.LedgerError) -> 'SubmitResult':
        """Return the result that reports ``error``."""
        return cls(txid, error.code, error.message, dict(error.details))


class NodeFacade(Protocol):
    """Everything a front end may ask of a node beside reading the chain."""

    @property
    def identity(self) -> Identity:
        """Who answers; known once the façade is connected."""

    async def submit(self, submissions: Sequence[bytes],
                     address: str | None = None) -> list[SubmitResult]:
        """Check submissions, put the good ones into the pool, forward them.

        Raises nothing for a refusal: each result carries its own code,
        ``no-quorum``, ``busy`` and ``shutting-down`` included.

        :param submissions: encoded submissions (``Submission.to_bytes``),
            at most ``limits.BATCH_SUBMIT_MAX_COUNT``
        :param address: where they came from, for the log; never recorded
            on the chain
        :returns: one result per submission, in their order
        """

    async def status(self) -> dict[str, Any]:
        """Return how the node does (``node.status`` puts it together).

        The ledger: ``name``, ``member`` (negative: none), ``members``,
        ``chain_id``, ``epoch``, ``height``, ``head_digest``,
        ``head_time_ms``, ``federation`` (``epoch``, ``digest``, ``faults``,
        ``quorum``, ``members``, ``expiry_ms``).

        Consensus: ``view``, ``leader``, ``leader_name``, ``views_changed``
        (since the start), ``lag`` (blocks behind the highest member heard),
        ``highest`` (``height``, ``member``), ``catching_up``, ``pool``
        (``transactions``, ``bytes``, ``max_transactions``, ``max_bytes``,
        ``oldest_waited_ms``), ``peers_up``, ``peers`` (``member``,
        ``name``, ``up``, ``height``, ``view``), ``quorum``,
        ``has_quorum``, ``sent`` (kind of message -> ``frames``, ``bytes``).

        Voting: ``voting``, ``not_voting`` (why, for people), ``doubt`` (why
        it observes only, else empty), ``doubt_ends_height`` (None: not
        known, or never by itself), ``conditions`` (``code``, ``message``,
        ``stops_voting``, ``details``, ``since_ms``; see
        ``node.conditions``).

        Held: ``bodies`` (``first``, ``last``), ``index_height``,
        ``index_begins_at`` (it knows nothing below), ``index_problem``,
        ``storage_bytes``, ``evidence`` (``count``, ``newest``), ``refused``
        (``member``, ``name``, ``count``, ``codes``), ``expiries``
        (``what``, ``ends_ms``, ``days_left``).

        The process: ``admission``, ``instance``, ``version``,
        ``uptime_ms``, ``healthy`` and ``reason`` (empty when healthy).
        """

    async def peers(self) -> list[dict[str, Any]]:
        """Return one record per other member, and per guest.

        Keys: ``member``, ``name``, ``address``, ``up``, ``instance``,
        ``height`` and ``view`` (as it was last heard), ``since_ms`` (age of
        the link), ``heard_ms`` (something came so long ago),
        ``queued_bytes``, ``dropped``, ``last_error``.
        """

    async def usage(self) -> list[dict[str, Any]]:
        """Return disk use per sender, largest first.

        Keys: ``sender`` (key id), ``bytes``, ``count``.
        """

    async def enrol(self, key_id: bytes, label: str = '') -> dict[str, Any]:
        """Let a key write; told to all members, charged to this one."""

    async def unenrol(self, key_id: bytes) -> None:
        """Take back an enrolment made at this node; NotFound otherwise."""

    async def enrolments(self) -> list[dict[str, Any]]:
        """Return records with ``key_id``, ``label``, ``member``."""

    async def evidence(self) -> list[dict[str, Any]]:
        """Return kept proofs of members' faults, newest last.

        Keys: ``kind``, ``member``, ``height``, ``view``, ``federation``
        (digest of the document that names the member), ``messages`` (the
        record, in hex).
        """

    async def fate(self, txid: bytes) -> dict[str, Any] | None:
        """Return what this node knows of a transaction in no block.

        :returns: ``{"state": "waiting"}``; or ``{"state": "refused",
            "code", "message", "details"}`` when it was accepted but later
            found impossible; None when the node knows nothing of it (it
            may be in a block: ask the reader)
        """

    def subscribe(self, listener: HeadListener) -> Callable[[], None]:
        """Call ``listener`` for every block from now on.

        :returns: a function which ends the subscription
        """


class BlockingFacade:
    """The same calls for a thread that is not the loop's.

    :param facade: any :class:`NodeFacade`
    :param loop: the running loop which ``facade`` belongs to
    :param timeout_seconds: how long a call may take
    """

    def __init__(self, facade: NodeFacade, loop: asyncio.AbstractEventLoop,
                 timeout_seconds: float = 30.0) -> None:
        self._facade = facade
        self._loop = loop
        self._timeout_seconds = timeout_seconds

    @property
    def identity(self) -> Identity:
        """See :class:`NodeFacade`."""
        return self._facade.identity

    def _wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(self._timeout_seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise errors.Timeout('The node did not answer in time.') from None

    def submit(self, submissions: Sequence[bytes],
               address: str | None = None) -> list[SubmitResult]:
        """See :meth:`NodeFacade.submit`."""
        return self._wait(self._facade.submit(submissions, address))

    def status(self) -> dict[str, Any]:
        """See :meth:`NodeFacade.status`."""
        return self._wait(self._facade.status())

    def peers(self) -> list[dict[str, Any]]:
        """See :meth:`NodeFacade.peers`."""
        return self._wait(self._facade.peers())

    def usage(self) -> list[dict[str, Any]]:
        """See :meth:`NodeFacade.usage`."""
        return self._wait(self._facade.usage())

    def enrol(self, key_id: bytes, label: str = '') -> dict[str, Any]:
        """See :meth:`NodeFacade.enrol`."""
        return self._wait(self._facade.enrol(key_id, label))

    def unenrol(self, key_id: bytes) -> None:
        """See :meth:`NodeFacade.unenrol`."""
        self._wait(self._facade.unenrol(key_id))

    def enrolments(self) -> list[dict[str, Any]]:
        """See :meth:`NodeFacade.enrolments`."""
        return self._wait(self._facade.enrolments())

    def evidence(self) -> list[dict[str, Any]]:
        """See :meth:`NodeFacade.evidence`."""
        return self._wait(self._facade.evidence())

    def fate(self, txid: bytes) -> dict[str, Any] | None:
        """See :meth:`NodeFacade.fate`."""
        return self._wait(self._facade.fate(txid))
