# SPDX-License-Identifier: Apache-2.0
"""What the validator has read and decided; each thing once."""

from collections.abc import Sequence
import dataclasses
import json
from typing import Any

import sqlalchemy as sa

from tacker_ledger.core import errors
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import anchors


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What the OP_RETURN reader found in one block.

    :param root: 32 bytes; None if the transaction is no anchor
    :param problem: a stable code, empty if there is a root
    """

    id: int
    transaction_id: int
    block: bytes
    height: int
    root: bytes | None
    problem: str
    is_told: bool
    is_compared: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparator decided about one session of a log.

    :param verdict: a stable word
    :param message: what the client is told, for JSON
    """

    log_id: bytes
    writer: int
    verdict: str
    message: dict[str, Any]


class Verdicts:
    """Readings and verdicts in the anchors' database."""

    def __init__(self, database: anchors.Anchors) -> None:
        self._database = database

    def unread(self, drivers: Sequence[str], after_id: int = 0
               ) -> list[anchors.Sent]:
        """Return transactions in a block which nobody has read there.

        :param drivers: whose; those of others are never read, and would
            fill the page
        :param after_id: of the transaction that ended the page before
        """
        t, r = models.transactions, models.readings
        known = sa.exists().where(r.c.transaction_id == t.c.id,
                                  r.c.block == t.c.block)
        query = anchors.sent_query().where(
            t.c.state.in_((models.CONFIRMED, models.FINAL)), ~known,
            models.anchors.c.driver.in_(drivers), t.c.id > after_id,
            models.anchors.c.root != anchors.NO_ROOT
        ).order_by(t.c.id).limit(anchors.PAGE_ROWS)
        with self._database.begin() as connection:
            return [anchors.Sent(**row._mapping)
                    for row in connection.execute(query)]

    def raw_of(self, txid: bytes) -> bytes | None:
        """Return a transaction of an anchor by its id."""
        t = models.transactions
        with self._database.begin() as connection:
            return connection.execute(sa.select(t.c.raw).where(
                t.c.txid == txid)).scalar_one_or_none()

    def add_reading(self, transaction_id: int, block: bytes, height: int,
                    root: bytes | None, problem: str, now_ms: int) -> None:
        """Note a reading, unless another reader has."""
        r = models.readings
        try:
            with self._database.begin() as connection:
                connection.execute(sa.insert(r).values(
                    transaction_id=transaction_id, block=block,
                    height=height, root=root, problem=problem,
                    read_ms=now_ms, is_told=False, is_compared=False))
        except errors.StorageFailed as error:
            if not isinstance(error.__cause__, anchors.TAKEN):
                raise

    def readings(self, **conditions: bool) -> list[Reading]:
        """Return readings, the oldest first.

        :param conditions: ``is_told``, ``is_compared``
        """
        r = models.readings
        query = sa.select(
            r.c.id, r.c.transaction_id, r.c.block, r.c.height, r.c.root,
            r.c.problem, r.c.is_told, r.c.is_compared).where(
                *(r.c[name].is_(value)
                  for name, value in conditions.items())
        ).order_by(r.c.id).limit(anchors.PAGE_ROWS)
        with self._database.begin() as connection:
            return [Reading(**row._mapping)
                    for row in connection.execute(query)]

    def note_told(self, reading: Reading) -> None:
        """Note that the comparator has a message about a reading."""
        r = models.readings
        with self._database.begin() as connection:
            connection.execute(sa.update(r).where(
                r.c.id == reading.id).values(is_told=True))

    def decide(self, reading: Reading, verdicts: Sequence[Verdict],
               now_ms: int) -> bool:
        """Note the verdicts of a reading, all at once and only once.

        :returns: whether nobody had
        """
        r, v = models.readings, models.verdicts
        with self._database.begin() as connection:
            first = connection.execute(sa.update(r).where(
                r.c.id == reading.id, r.c.is_compared.is_(False)).values(
                    is_compared=True)).rowcount == 1
            if first and verdicts:
                connection.execute(sa.insert(v), [
                    {'reading_id': reading.id, 'log_id': one.log_id,
                     'writer': one.writer, 'verdict': one.verdict,
                     'message': json.dumps(one.message, sort_keys=True),
                     'decided_ms': now_ms, 'is_told': False}
                    for one in verdicts])
        return first

    def untold(self) -> list[tuple[int, dict[str, Any]]]:
        """Return (id, message) of verdicts no client was told of."""
        v = models.verdicts
        return self._messages(v.c.is_told.is_(False))

    def all_messages(self, after_id: int = 0
                     ) -> list[tuple[int, dict[str, Any]]]:
        """Return (id, message) of a page of verdicts."""
        return self._messages(models.verdicts.c.id > after_id)

    def _messages(self, condition: Any) -> list[tuple[int, dict[str, Any]]]:
        v = models.verdicts
        with self._database.begin() as connection:
            return [(row.id, json.loads(row.message))
                    for row in connection.execute(
                        sa.select(v.c.id, v.c.message).where(condition)
                        .order_by(v.c.id).limit(anchors.PAGE_ROWS))]

    def note_verdict_told(self, verdict_id: int) -> None:
        """Note that a message about a verdict is in the clients' queue."""
        v = models.verdicts
        with self._database.begin() as connection:
            connection.execute(sa.update(v).where(
                v.c.id == verdict_id).values(is_told=True))

    def anchored(self, log_id: bytes) -> list[anchors.Checkpoint]:
        """Return the newest checkpoint of each session that is in a chain.

        Whatever a later anchor holds: a session's file must still reach
        the checkpoint that was anchored last.
        """
        c, a, leaf = models.checkpoints, models.anchors, models.leaves
        query = sa.select(
            c.c.log_id, c.c.writer, c.c.sequence, c.c.number, c.c.hash,
            c.c.record, c.c.path, c.c.id).join(
                leaf, leaf.c.checkpoint_id == c.c.id).join(
                    a, a.c.id == leaf.c.anchor_id).where(
                        c.c.log_id == log_id,
                        a.c.driver != anchors.REMOTE,
                        a.c.state.in_((models.CONFIRMED, models.FINAL))
        ).order_by(c.c.writer, c.c.sequence)
        newest: dict[int, anchors.Checkpoint] = {}
        with self._database.begin() as connection:
            for row in connection.execute(query):
                newest[row.writer] = anchors.Checkpoint(**row._mapping)
        return list(newest.values())

    def log_ids(self, path: str) -> list[bytes]:
        """Return every log that was anchored from a path of this host."""
        c, a, leaf = models.checkpoints, models.anchors, models.leaves
        query = sa.select(c.c.log_id).distinct().join(
            leaf, leaf.c.checkpoint_id == c.c.id).join(
                a, a.c.id == leaf.c.anchor_id).where(
                    c.c.path == path, a.c.driver != anchors.REMOTE,
                    a.c.state.in_((models.CONFIRMED, models.FINAL)))
        with self._database.begin() as connection:
            return list(connection.execute(query).scalars())
