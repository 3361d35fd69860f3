# SPDX-License-Identifier: Apache-2.0
"""What an anchor driver does (protocol.md section 9)."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
from typing import Protocol

from tacker_ledger.storage import anchors


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """What the chain says of a transaction.

    :param state: of :mod:`~tacker_ledger.storage.anchor_models`: pending,
        confirmed, final or conflicted; empty: nobody knows it, send it again
    :param block: 32 bytes, of the block that holds it
    """

    state: str
    block: bytes | None = None
    height: int | None = None
    confirmations: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Replacement:
    """A transaction that takes the place of one with a lower fee."""

    txid: bytes
    raw: bytes
    fee_satoshi: int


#: A txid -> the transaction, as far as the database has it.
RawOf = Callable[[bytes], bytes | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What the validator finds in the chain.

    :param root: 32 bytes; None if the transaction is no anchor
    :param problem: a stable code where there is no root
    """

    block: bytes
    height: int
    root: bytes | None
    problem: str = ''


class ChainReader(Protocol):
    """Reads the anchors of one driver, for the validator."""

    #: False where the chain proves nothing to strangers.
    is_evidence: bool

    def read(self, sent: anchors.Sent, raw_of: RawOf) -> Found | None:
        """Return what is in the chain; None if it is not deep enough.

        Nothing is believed of ``sent`` but where to look.

        :param raw_of: finds transactions of earlier anchors
        """

    def check_root(self, sent: anchors.Sent,
                   checkpoints: Sequence[anchors.Checkpoint]) -> None:
        """Recompute the root of an anchor from its checkpoints' hashes.

        :raises LedgerError: they do not lead to it
        """


class Driver(Protocol):
    """One way to anchor.  Drivers are used by one thread.

    What cannot be done now raises an UnavailableError: it is tried again.
    """

    #: As in the option ``drivers``.
    name: str
    #: Seconds between two rounds of new anchors.
    interval_seconds: float

    def drafts(self, due: Sequence[anchors.Checkpoint], number: int,
               previous: anchors.Sent | None) -> list[anchors.Draft]:
        """Return new anchors, signed, for what is due; nothing is sent.

        :param number: of the first of them
        :param previous: the newest anchor that the chain holds
        """

    def send(self, sent: anchors.Sent) -> None:
        """Send a stored transaction; a known one is success."""

    def look(self, sent: anchors.Sent) -> Status:
        """Return what the chain says of a transaction."""

    def replacement(self, sent: anchors.Sent, now_ms: int
                    ) -> Replacement | None:
        """Return a dearer transaction for one that waits; None: go on."""

    def provide(self, sent: anchors.Sent,
                checkpoints: Sequence[anchors.Checkpoint]) -> None:
        """Write what proves a confirmed anchor beside the logs."""
