# SPDX-License-Identifier: Apache-2.0
"""What a verification works on and gives, as values.

A run is a number of blocks of one session that stand one after another.  It
begins after a record which is known (an opening, a checkpoint) and ends
with a checkpoint, or with the tail that nothing closes.  It needs nothing
but that record, so the runs of a log are verified in any order and on any
core, and each is read once.
"""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import unsealing


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What one verification knows from outside the segments.

    :param signing: the document of the log signing key
    :param provider: verifies and opens
    :param auditor: the auditor's pair, or None for what anybody can check
    :param trusted: (writer, sequence) -> hash of that checkpoint, from an
        anchor or a collector
    :param redacted: (writer, sequence, D) that signed records cover
    """

    signing: suite_module.KeyDocument
    provider: provider_module.Provider
    auditor: suite_module.KeyPair | None = None
    trusted: Mapping[tuple[int, int], bytes] = dataclasses.field(
        default_factory=dict)
    redacted: Collection[tuple[int, int, bytes]] = ()

    def signed(self, record: unsealing.Sealing) -> bool:
        """Return whether the log signing key signed a record."""
        return self.provider.verify(self.signing, record.message(),
                                    record.signature)


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of one file.

    :param line: number of the first one, from 1
    :param data: each with its line feed
    :param offset: of the first one, in bytes
    """

    file: str
    line: int
    data: bytes
    offset: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What is to be verified.

    :param log_id: of the log
    :param writer: the session
    :param start: the record before, or None if it is not known
    :param secret: where the auditor's walk stands before ``start``
    :param pieces: the lines, which may continue from file to file
    :param tail: whether nothing closes the last lines
    """

    log_id: bytes
    writer: int
    start: unsealing.Sealing | None
    secret: unsealing.State | None = dataclasses.field(repr=False)
    pieces: tuple[Piece, ...]
    tail: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Tail:
    """The lines after the last checkpoint of a session.

    :param count: how many
    :param last: (sequence, h) of the last record of the session that
        stands there, or None if it is not known
    """

    writer: int
    count: int
    last: tuple[int, bytes] | None
    file: str | None
    line: int | None
    number: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What the verification of a run gave.

    :param lines: lines that stand there, checkpoints not counted
    :param checkpoints: checkpoints that stand there
    :param confirmed: trusted checkpoints that were found as trusted
    :param last: the last checkpoint, or None if there is none
    """

    writer: int
    findings: tuple[findings.Finding, ...]
    lines: int
    checkpoints: int
    confirmed: tuple[tuple[int, int], ...]
    last: records.Checkpoint | None
    tail: Tail | None
