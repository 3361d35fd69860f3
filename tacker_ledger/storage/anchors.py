# SPDX-License-Identifier: Apache-2.0
"""The database of publisher and validator: outbox, anchors, verdicts.

Its rows are the truth; messages in queues only wake whoever has work here.
Every step that must not be half done is one transaction of the database,
and whatever may be tried twice is caught by a unique constraint:

* a checkpoint enters the outbox together with the cursor behind it;
* an anchor is stored with its leaves and its signed transaction before
  anything is sent, under the lease, and under a number that two publishers
  cannot both take;
* a verdict is noted with the reading it ends.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
from typing import Any

from alembic import command
from alembic import config as alembic_config
from oslo_db import exception as db_exc
import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from tacker_ledger.core import errors
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import database

_WHAT = 'database of the anchors'
_ALEMBIC = 'tacker_ledger.storage:alembic'
#: The driver that hands checkpoints to another host; no chain is behind it.
REMOTE = 'remote'
#: Of a transaction that only makes the first output for anchors to spend.
NO_ROOT = bytes(32)
#: Rows handed out at once, so that a long outage ends in small steps.
PAGE_ROWS = 500

#: What the database raises where somebody else was first.
TAKEN = (sa_exc.IntegrityError, db_exc.DBDuplicateEntry)


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A checkpoint to put into the outbox, its signature verified.

    :param log_id: 16 bytes
    :param number: S1's number of the checkpoint in its session
    :param hash: the checkpoint hash: of the leaf, 32 bytes
    :param record: the full record
    :param path: of the log on this host; empty for another host's
    """

    log_id: bytes
    writer: int
    sequence: int
    number: int
    hash: bytes
    record: bytes
    path: str


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint(Found):
    """A checkpoint in the outbox."""

    id: int


@dataclasses.dataclass(frozen=True, slots=True)
class Cursor:
    """How far a log file has been read.

    :param file: digest of the file's identity, 32 bytes
    :param head: SHA-256 of its first ``head_bytes`` bytes
    """

    file: bytes
    path: str
    position: int
    head_bytes: int
    head: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that carries an anchor, as stored.

    :param number: of the anchor among those of its driver
    :param created_ms: of the anchor
    :param block: 32 bytes; None: in no block
    """

    id: int
    anchor_id: int
    driver: str
    number: int
    root: bytes
    notes: bytes
    attempt: int
    txid: bytes
    raw: bytes
    fee_satoshi: int
    state: str
    created_ms: int
    block: bytes | None
    height: int | None
    confirmations: int
    stored_ms: int
    sent_ms: int | None
    provided_block: bytes | None
    told_block: bytes | None


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """A new anchor, signed and not yet sent.

    :param checkpoint_ids: the outbox rows under its root
    :param notes: what the driver wants to find again
    """

    driver: str
    number: int
    root: bytes
    checkpoint_ids: Sequence[int]
    txid: bytes
    raw: bytes
    fee_satoshi: int = 0
    notes: bytes = b''


class LeaseLost(Exception):
    """Another publisher acts now; whoever meets this steps back."""


class Anchors:
    """The tables in one database.

    :param connection: a URL of SQLAlchemy
    :param options: further options of oslo.db's engine façade
    :raises BadOption: the database cannot be used
    """

    def __init__(self, connection: str, **options: Any) -> None:
        self.engine = database.open_engine(connection, **options)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextlib.contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction of the database."""
        with database.failures(_WHAT), self.engine.begin() as connection:
            yield connection

    # -- schema --------------------------------------------------------------

    def migrate(self) -> None:
        """Bring the schema to this release's; processes take turns."""
        with self.begin() as connection, database.turn(
                connection, models.VERSION_TABLE):
            made = alembic_config.Config()
            made.set_main_option('script_location', _ALEMBIC)
            made.attributes['connection'] = connection
            command.upgrade(made, 'head')

    # -- lease ---------------------------------------------------------------

    def beat(self, name: str, owner: str) -> tuple[str, int]:
        """Renew the lease, or take it where nobody has it.

        :returns: who has it and how often it was renewed
        """
        table = models.leases
        for _ in range(2):
            try:
                with self.begin() as connection:
                    renew(connection, name, owner, strict=False)
                    row = connection.execute(sa.select(table).where(
                        table.c.name == name)).one_or_none()
                    if row is None:
                        connection.execute(sa.insert(table).values(
                            name=name, owner=owner, beat=0))
                        return owner, 0
                    return row.owner, row.beat
            except errors.StorageFailed as error:
                if not isinstance(error.__cause__, TAKEN):
                    raise
        raise LeaseLost(name)

    def take_over(self, name: str, owner: str, seen: tuple[str, int]) -> bool:
        """Take the lease of a publisher that has not renewed it.

        :param seen: what :meth:`beat` returned, unchanged for long enough
        """
        table = models.leases
        with self.begin() as connection:
            return connection.execute(sa.update(table).where(
                table.c.name == name, table.c.owner == seen[0],
                table.c.beat == seen[1]).values(
                    owner=owner, beat=table.c.beat + 1)).rowcount == 1

    def release(self, name: str, owner: str) -> None:
        """Give the lease up, if it is held."""
        table = models.leases
        with self.begin() as connection:
            connection.execute(sa.delete(table).where(
                table.c.name == name, table.c.owner == owner))

    # -- outbox --------------------------------------------------------------

    def cursor(self, file: bytes) -> Cursor | None:
        """Return how far a file has been read."""
        table = models.cursors
        with self.begin() as connection:
            row = connection.execute(sa.select(table).where(
                table.c.file == file)).one_or_none()
        return None if row is None else Cursor(**row._mapping)

    def add_found(self, found: Iterable[Found], now_ms: int,
                  cursor: Cursor | None = None) -> int:
        """Put checkpoints into the outbox, and move the cursor with them.

        :returns: how many were new
        """
        with self.begin() as connection:
            added = sum(_add_one(connection, one, now_ms) for one in found)
            if cursor is not None:
                table = models.cursors
                connection.execute(sa.delete(table).where(
                    table.c.file == cursor.file))
                connection.execute(sa.insert(table).values(
                    **dataclasses.asdict(cursor)))
        return added

    def is_local(self, log_id: bytes) -> bool:
        """Return whether this host's searcher has found a log."""
        c = models.checkpoints.c
        with self.begin() as connection:
            return connection.execute(sa.select(c.id).where(
                c.log_id == log_id, c.path != '').limit(1)
            ).first() is not None

    def due(self, driver: str) -> list[Checkpoint]:
        """Return the newest checkpoint of each session that needs an anchor.

        Older ones need none of their own: each is under the next.
        """
        c, a, leaf = models.checkpoints.c, models.anchors, models.leaves
        newest = sa.select(
            c.log_id, c.writer, sa.func.max(c.sequence).label('sequence')
        ).group_by(c.log_id, c.writer).subquery()
        row = models.checkpoints
        carried = sa.exists().where(
            leaf.c.checkpoint_id == row.c.id, leaf.c.anchor_id == a.c.id,
            a.c.driver == driver, a.c.state != models.CONFLICTED)
        query = sa.select(
            row.c.log_id, row.c.writer, row.c.sequence, row.c.number,
            row.c.hash, row.c.record, row.c.path, row.c.id).join(
                newest, sa.and_(row.c.log_id == newest.c.log_id,
                                row.c.writer == newest.c.writer,
                                row.c.sequence == newest.c.sequence)
        ).where(~carried).order_by(row.c.log_id, row.c.writer)
        with self.begin() as connection:
            return [Checkpoint(**found._mapping)
                    for found in connection.execute(query)]

    def checkpoints(self, anchor_id: int) -> list[Checkpoint]:
        """Return the checkpoints under an anchor, by log and writer."""
        row, leaf = models.checkpoints, models.leaves
        query = sa.select(
            row.c.log_id, row.c.writer, row.c.sequence, row.c.number,
            row.c.hash, row.c.record, row.c.path, row.c.id).join(
                leaf, leaf.c.checkpoint_id == row.c.id).where(
                    leaf.c.anchor_id == anchor_id).order_by(
                        row.c.log_id, row.c.writer)
        with self.begin() as connection:
            return [Checkpoint(**found._mapping)
                    for found in connection.execute(query)]

    # -- anchors -------------------------------------------------------------

    def newest(self, driver: str, **conditions: Any) -> Sent | None:
        """Return the newest transaction of the newest anchor of a driver."""
        found = self.sent(driver=driver, newest_first=True, limit=1,
                          **conditions)
        return found[0] if found else None

    def next_number(self, driver: str) -> int:
        """Return the number that the driver's next anchor has."""
        table = models.anchors
        with self.begin() as connection:
            return (connection.execute(sa.select(sa.func.max(
                table.c.number)).where(
                    table.c.driver == driver)).scalar_one() or 0) + 1

    def sent(self, *, driver: str | None = None,
             states: Sequence[str] | None = None,
             anchor_id: int | None = None, transaction_id: int | None = None,
             after_id: int = 0, newest_first: bool = False,
             limit: int = PAGE_ROWS) -> list[Sent]:
        """Return transactions, by anchor and attempt."""
        t, a = models.transactions, models.anchors
        where: list[Any] = [t.c.id > after_id]
        if driver is not None:
            where.append(a.c.driver == driver)
        if states is not None:
            where.append(t.c.state.in_(states))
        if anchor_id is not None:
            where.append(t.c.anchor_id == anchor_id)
        if transaction_id is not None:
            where.append(t.c.id == transaction_id)
        order = t.c.id.desc() if newest_first else t.c.id
        query = sent_query().where(*where).order_by(order).limit(limit)
        with self.begin() as connection:
            return [Sent(**row._mapping)
                    for row in connection.execute(query)]

    def unsettled(self, driver: str) -> list[int]:
        """Return the ids of anchors whose fate is not final, in order."""
        a = models.anchors
        with self.begin() as connection:
            return list(connection.execute(sa.select(a.c.id).where(
                a.c.driver == driver,
                a.c.state.in_((models.PENDING, models.CONFIRMED)),
            ).order_by(a.c.number).limit(PAGE_ROWS)).scalars())

    def unprovided(self, driver: str, *, is_told: bool = True,
                   after_id: int = 0) -> list[Sent]:
        """Return transactions whose block is not yet told or proven.

        :param is_told: whether there is anybody to tell
        :param after_id: of the transaction that ended the page before
        """
        t, a = models.transactions, models.anchors
        query = sent_query().where(
            a.c.driver == driver, a.c.root != NO_ROOT,
            t.c.state.in_((models.CONFIRMED, models.FINAL)),
            t.c.id > after_id, sa.or_(*(
                condition for column in (
                    [t.c.provided_block, t.c.told_block] if is_told
                    else [t.c.provided_block])
                for condition in (column.is_(None), column != t.c.block))),
        ).order_by(t.c.id).limit(PAGE_ROWS)
        with self.begin() as connection:
            return [Sent(**row._mapping)
                    for row in connection.execute(query)]

    def store(self, draft: Draft, lease: tuple[str, str], now_ms: int
              ) -> Sent:
        """Store a signed anchor before it is sent.

        :param lease: (name, owner)
        :raises LeaseLost: another publisher acts, or took the number
        """
        return self._insert(lease, draft, now_ms, None)

    def store_attempt(self, old: Sent, txid: bytes, raw: bytes,
                      fee_satoshi: int, lease: tuple[str, str], now_ms: int
                      ) -> Sent:
        """Store the replacement of a transaction before it is sent.

        :raises LeaseLost: another publisher acts
        """
        draft = Draft(old.driver, old.number, old.root, (), txid, raw,
                      fee_satoshi, old.notes)
        return self._insert(lease, draft, now_ms, old)

    def _insert(self, lease: tuple[str, str], draft: Draft, now_ms: int,
                old: Sent | None) -> Sent:
        try:
            with self.begin() as connection:
                renew(connection, *lease)
                if old is None:
                    anchor_id = _insert_anchor(connection, draft, now_ms)
                else:
                    anchor_id = old.anchor_id
                    # at once: sent again, the old one would be refused
                    connection.execute(sa.update(models.transactions).where(
                        models.transactions.c.id == old.id).values(
                            state=models.REPLACED))
                connection.execute(sa.insert(models.transactions).values(
                    anchor_id=anchor_id,
                    attempt=0 if old is None else old.attempt + 1,
                    txid=draft.txid, raw=draft.raw,
                    fee_satoshi=draft.fee_satoshi, state=models.PENDING,
                    confirmations=0, stored_ms=now_ms))
                return Sent(**connection.execute(sent_query().where(
                    models.transactions.c.txid == draft.txid)
                ).one()._mapping)
        except errors.StorageFailed as error:
            if isinstance(error.__cause__, TAKEN):
                raise LeaseLost(lease[0]) from error
            raise

    def note(self, sent: Sent, lease: tuple[str, str], **values: Any
             ) -> Sent:
        """Note what became of a transaction, and of its anchor by it.

        :param values: columns of the transaction
        :raises LeaseLost: another publisher acts
        """
        t = models.transactions
        with self.begin() as connection:
            renew(connection, *lease)
            connection.execute(sa.update(t).where(
                t.c.id == sent.id).values(**values))
            if 'state' in values:
                _settle_anchor(connection, sent.anchor_id)
        return dataclasses.replace(sent, **values)


def sent_query() -> sa.Select[Any]:
    """Return the query whose rows are :class:`Sent`."""
    t, a = models.transactions, models.anchors
    return sa.select(
        t.c.id, t.c.anchor_id, a.c.driver, a.c.number, a.c.root, a.c.notes,
        t.c.attempt, t.c.txid, t.c.raw, t.c.fee_satoshi, t.c.state,
        a.c.created_ms, t.c.block, t.c.height, t.c.confirmations,
        t.c.stored_ms, t.c.sent_ms, t.c.provided_block, t.c.told_block).join(
            a, a.c.id == t.c.anchor_id)


def renew(connection: sa.Connection, name: str, owner: str,
          strict: bool = True) -> None:
    """Renew a lease inside a transaction, which it guards.

    :raises LeaseLost: ``owner`` has it no longer
    """
    table = models.leases
    held = connection.execute(sa.update(table).where(
        table.c.name == name, table.c.owner == owner).values(
            beat=table.c.beat + 1)).rowcount == 1
    if strict and not held:
        raise LeaseLost(name)


def _add_one(connection: sa.Connection, found: Found, now_ms: int) -> int:
    table = models.checkpoints
    known = connection.execute(sa.select(table.c.id).where(
        table.c.log_id == found.log_id, table.c.writer == found.writer,
        table.c.sequence == found.sequence)).first()
    if known is not None:
        return 0
    connection.execute(sa.insert(table).values(
        **dataclasses.asdict(found), found_ms=now_ms))
    return 1


def _insert_anchor(connection: sa.Connection, draft: Draft, now_ms: int
                   ) -> int:
    made = connection.execute(sa.insert(models.anchors).values(
        driver=draft.driver, number=draft.number, root=draft.root,
        state=models.PENDING, created_ms=now_ms, notes=draft.notes))
    assert made.inserted_primary_key is not None
    anchor_id = int(made.inserted_primary_key[0])
    if draft.checkpoint_ids:
        connection.execute(sa.insert(models.leaves), [
            {'anchor_id': anchor_id, 'checkpoint_id': checkpoint_id}
            for checkpoint_id in draft.checkpoint_ids])
    return anchor_id


#: The best that any transaction of an anchor has come to is its state.
_BEST_FIRST = ((models.FINAL, models.FINAL),
               (models.CONFIRMED, models.CONFIRMED),
               (models.PENDING, models.PENDING),
               (models.REPLACED, models.PENDING),
               (models.CONFLICTED, models.CONFLICTED))


def _settle_anchor(connection: sa.Connection, anchor_id: int) -> None:
    t, a = models.transactions, models.anchors
    states = set(connection.execute(sa.select(t.c.state).where(
        t.c.anchor_id == anchor_id)).scalars())
    state = next(becomes for one, becomes in _BEST_FIRST
                 if one in states)
    connection.execute(sa.update(a).where(a.c.id == anchor_id).values(
        state=state))
