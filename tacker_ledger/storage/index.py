# SPDX-License-Identifier: Apache-2.0
"""The relational index: derived from the chain, never trusted by proofs.

:class:`Index` owns the tables and reads and writes them; :class:`Indexer`
is the thread that keeps them behind the chain.  A commit never waits for
the index, and a database that is away stops nothing but searches.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import functools
import operator
import threading
import time
from typing import Any

from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import enginefacade
from oslo_log import log as logging
import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from tacker_ledger.core import errors
from tacker_ledger.storage import models

LOG = logging.getLogger(__name__)

#: Blocks read from the chain for one transaction of the database.
BATCH_BLOCKS = 64
#: Bytes of committed blocks kept until they are added.
OFFERED_MAX_BYTES = 8 * 1024 * 1024
#: After that many rows the next blocks share an addition: indices over
#: digests are written all over, so each addition writes nearly all of them.
_MANY_ROWS = 100
_PAUSE_SECONDS = 0.5
_RETRY_SECONDS = 2.0
_SQLITE_CACHE_KIB = 32 * 1024
_SQLITE_LOG_PAGES = 16_000
_DATABASE_ERRORS = (sa_exc.SQLAlchemyError, db_exc.DBError)
_TABLES = (models.blocks, models.transactions, models.references)

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class IndexedBlock:
    """What the index keeps of one block, as rows of its tables.

    ``block`` is None for a heartbeat, which has no rows.
    """

    height: int
    digest: bytes
    block: Row | None = None
    transactions: Sequence[Row] = ()
    references: Sequence[Row] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Position:
    """How far the index is."""

    height: int
    digest: bytes


class Index:
    """The index in one database.

    :param connection: a URL of SQLAlchemy; SQLite and MariaDB are tested
    :param options: further options of oslo.db's engine façade
    :raises BadOption: the URL is wrong or its driver is missing
    :raises StorageFailed: the disk refuses
    """

    def __init__(self, connection: str, **options: Any) -> None:
        self._context = enginefacade.transaction_context()
        self._thread = threading.local()
        try:
            self._context.configure(connection=connection, **options)
            self._engine = self._context.writer.get_engine()
            if self._engine.dialect.name == 'sqlite':
                sa.event.listen(self._engine, 'connect', _tune_sqlite)
            with self._engine.connect():
                pass
        except (sa_exc.ArgumentError, sa_exc.NoSuchModuleError,
                ImportError, ValueError) as error:
            raise errors.BadOption(
                f'Option connection in [database]: {error}',
                option='connection', group='database') from error
        except _DATABASE_ERRORS as error:
            if _disk_refuses(error):
                raise errors.StorageFailed(
                    f'The index cannot be opened: {_brief(error)}'
                ) from error
            raise errors.BadOption(
                'Option connection in [database]: the database does not '
                f'answer: {_brief(error)}', option='connection',
                group='database') from error

    def prepare(self, chain_id: bytes,
                digest_at: Callable[[int], bytes | None]) -> int:
        """Make the tables fit the chain; return the height indexed, or -1.

        Tables of another schema or chain, or ahead of the chain, or of a
        branch that the chain is not, are dropped and made anew.

        :param digest_at: height -> digest of the block there, None if the
            chain is shorter
        """
        with self._failures():
            if not self.fits(chain_id, digest_at):
                self.create(chain_id)
            return self.position().height

    def fits(self, chain_id: bytes,
             digest_at: Callable[[int], bytes | None] | None = None) -> bool:
        """Return whether the tables are of this release and chain."""
        present = set(sa.inspect(self._engine).get_table_names())
        if not present.issuperset(models.metadata.tables):
            return False
        notes = self._notes()
        if (notes.get('schema') != models.SCHEMA_VERSION
                or notes.get('chain') != chain_id.hex()):
            return False
        at = self.position()
        return (at.height < 0 or digest_at is None
                or digest_at(at.height) == at.digest)

    def create(self, chain_id: bytes) -> None:
        """Drop what there is and make empty tables."""
        with self._failures():
            models.metadata.drop_all(self._engine)
            models.metadata.create_all(self._engine)
            with self._engine.begin() as connection:
                connection.execute(sa.insert(models.meta), [
                    {'name': 'schema', 'value': models.SCHEMA_VERSION},
                    {'name': 'chain', 'value': chain_id.hex()},
                    {'name': 'height', 'value': '-1'},
                    {'name': 'digest', 'value': ''}])

    def _notes(self) -> dict[str, str]:
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(models.meta.c.name, models.meta.c.value))
            return {row.name: row.value for row in rows}

    def position(self) -> Position:
        """Return the newest height that is in the index; -1: none."""
        with self._failures():
            notes = self._notes()
            return Position(int(notes.get('height', '-1')),
                            bytes.fromhex(notes.get('digest', '')))

    def add(self, blocks: Sequence[IndexedBlock]) -> None:
        """Add consecutive blocks in one transaction."""
        if not blocks:
            return
        rows: list[tuple[sa.Table, list[Row]]] = [
            (models.blocks, [b.block for b in blocks if b.block]),
            (models.transactions, [r for b in blocks
                                   for r in b.transactions]),
            (models.references, [r for b in blocks for r in b.references])]
        with self._failures(), self._begin() as connection:
            for table, some in rows:
                if some:
                    _insert(connection, table, some)
            for name, value in (('height', str(blocks[-1].height)),
                                ('digest', blocks[-1].digest.hex())):
                connection.execute(
                    sa.update(models.meta)
                    .where(models.meta.c.name == name).values(value=value))

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """Let this thread keep its connection from addition to addition.

        Opening one for SQLite reads the schema, and closing the last one
        writes its log back: twice the cost of what is added.
        """
        self._thread.keeps = True
        try:
            yield
        finally:
            self._thread.keeps = False
            self._release()

    @contextlib.contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction."""
        thread = self._thread
        if not getattr(thread, 'keeps', False):
            with self._engine.begin() as connection:
                yield connection
            return
        kept: sa.Connection | None = getattr(thread, 'connection', None)
        if kept is None:
            kept = thread.connection = self._engine.connect()
        try:
            with kept.begin():
                yield kept
        except BaseException:
            # perhaps it is the connection that is broken
            self._release()
            raise

    def _release(self) -> None:
        kept: sa.Connection | None = getattr(self._thread, 'connection',
                                             None)
        self._thread.connection = None
        if kept is not None:
            kept.close()

    def search(self, conditions: dict[str, Any], after_height: int,
               limit: int) -> list[Row]:
        """Return rows of transactions, ascending by (height, position).

        A page does not end inside a block, so that the height of its last
        row is where the next one starts.

        :param conditions: column -> value; all must hold
        """
        table = models.transactions
        where = [table.c[name] == value
                 for name, value in conditions.items()]
        order = (table.c.height, table.c.position)
        query = sa.select(table).where(
            *where, table.c.height > after_height)
        with self._failures(), self._engine.connect() as connection:
            found = [dict(row._mapping) for row in connection.execute(
                query.order_by(*order).limit(limit))]
            if len(found) == limit and found:
                end = found[-1]
                rest = sa.select(table).where(
                    *where, table.c.height == end['height'],
                    table.c.position > end['position'])
                found += [dict(row._mapping) for row in connection.execute(
                    rest.order_by(*order))]
        return found

    def distrust(self) -> None:
        """Note that rows are damaged: the next start makes all anew."""
        with self._failures(), self._engine.begin() as connection:
            connection.execute(
                sa.update(models.meta)
                .where(models.meta.c.name == 'schema').values(value=''))

    def content(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Yield (table, row) of everything, in a fixed order."""
        with self._failures(), self._engine.connect() as connection:
            for table in _TABLES:
                for row in connection.execute(
                        sa.select(table).order_by(*table.primary_key)):
                    yield table.name, tuple(row)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _failures(self) -> '_Failures':
        return _Failures()


def _insert(connection: sa.Connection, table: sa.Table,
            rows: Sequence[Row]) -> None:
    """Insert rows by the driver's own executemany.

    Their values are of the driver's types already: going through
    SQLAlchemy's parameters takes three times as long as the database.
    """
    compiled = _compiled(table, connection.dialect)
    names = compiled.positiontup
    if names is None:
        # a driver that takes its parameters by name
        connection.execute(sa.insert(table), list(rows))
        return
    values = operator.itemgetter(*names)
    connection.exec_driver_sql(str(compiled), [values(row) for row in rows])


@functools.lru_cache(maxsize=16)
def _compiled(table: sa.Table, dialect: sa.Dialect) -> Any:
    return sa.insert(table).compile(dialect=dialect)


class _Failures:
    """Turns errors of the database into ``storage-failed``."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None,
                 trace: Any) -> None:
        if isinstance(error, _DATABASE_ERRORS):
            raise errors.StorageFailed(
                f'The index cannot be used: {_brief(error)}') from error


def _disk_refuses(error: BaseException) -> bool:
    """Return whether SQLite says so; it has no class of its own for it."""
    text = _brief(error)
    return 'disk I/O error' in text or 'disk is full' in text


def _brief(error: BaseException) -> str:
    """Return the first line: no statements, no parameters, no password."""
    cause = getattr(error, 'inner_exception', None) or error
    cause = getattr(cause, 'orig', None) or cause
    text = (str(cause).splitlines() or [''])[0][:200]
    return f'{type(cause).__name__}: {text}'


def _tune_sqlite(connection: Any, record: Any) -> None:
    """Let readers of other processes go on while a block is added."""
    cursor = connection.cursor()
    cursor.execute('PRAGMA journal_mode=WAL')
    cursor.execute('PRAGMA synchronous=NORMAL')
    cursor.execute('PRAGMA busy_timeout=10000')
    # KiB; the indices over digests are written all over
    cursor.execute(f'PRAGMA cache_size=-{_SQLITE_CACHE_KIB}')
    # each time the log is copied back the disk is forced twice, beside the
    # votes and blocks that wait for the same disk
    cursor.execute(f'PRAGMA wal_autocheckpoint={_SQLITE_LOG_PAGES}')
    cursor.close()


class Indexer(threading.Thread):
    """The thread which adds committed blocks to the index.

    :param index: the prepared index
    :param read: (first height, count) -> the blocks there, fewer or none
        at the end of the chain
    :param height: what the index has
    """

    def __init__(self, index: Index,
                 read: Callable[[int, int], Iterable[IndexedBlock]],
                 height: int) -> None:
        super().__init__(name='indexer', daemon=True)
        self._index = index
        self._read = read
        self._wake = threading.Event()
        self._stop_requested = threading.Event()
        self.height = height
        self.problem = ''
        #: Monotonic seconds: the next blocks are added no sooner.
        self._rests_until = 0.0
        #: height -> (how to make its rows, bytes held by that)
        self._offered: dict[int, tuple[Callable[[], IndexedBlock], int]] = {}
        self._offered_bytes = 0
        self._lock = threading.Lock()

    def offer(self, height: int, make: Callable[[], IndexedBlock],
              size: int) -> None:
        """Spare the indexer reading a block: its parts are here already.

        It is read from the chain all the same where too much waits.

        :param make: returns its rows; called in the indexer's thread
        :param size: bytes that ``make`` holds on to
        """
        with self._lock:
            if self._offered_bytes + size <= OFFERED_MAX_BYTES:
                self._offered[height] = make, size
                self._offered_bytes += size

    def _take_offered(self, height: int) -> IndexedBlock | None:
        with self._lock:
            # what lies below was read from the chain
            for old in [at for at in self._offered if at < height]:
                self._offered_bytes -= self._offered.pop(old)[1]
            make, size = self._offered.pop(height, (None, 0))
            self._offered_bytes -= size
        return None if make is None else make()

    def _next(self) -> list[IndexedBlock]:
        """Return the next blocks, at most :data:`BATCH_BLOCKS`."""
        blocks: list[IndexedBlock] = []
        while len(blocks) < BATCH_BLOCKS:
            block = self._take_offered(self.height + 1 + len(blocks))
            if block is None:
                break
            blocks.append(block)
        return blocks or list(self._read(self.height + 1, BATCH_BLOCKS))

    def wake(self) -> None:
        """Say that the chain is longer."""
        self._wake.set()

    def stop(self, timeout_seconds: float = 1.0) -> None:
        """End the thread; what is missing is added at the next start."""
        self._stop_requested.set()
        self._wake.set()
        if self.is_alive():
            self.join(timeout_seconds)

    def run(self) -> None:
        """Follow the chain until stopped."""
        try:
            with self._index.keeping():
                self._follow()
        finally:
            if not self._stop_requested.is_set():
                self.problem = 'The indexer has ended.'

    def _follow(self) -> None:
        while not self._stop_requested.is_set():
            self._wake.clear()
            try:
                self.catch_up()
                self.problem = ''
            except errors.LedgerError as error:
                if not self.problem:
                    LOG.error('The index stays behind: %s', error.message)
                self.problem = error.message
                self._stop_requested.wait(_RETRY_SECONDS)
                continue
            self._wake.wait()
            rest = self._rests_until - time.monotonic()
            if rest > 0:
                self._stop_requested.wait(rest)

    def catch_up(self, report: Callable[[int], None] | None = None) -> int:
        """Add all blocks that are missing; return the height reached.

        :param report: called with each height reached
        """
        while not self._stop_requested.is_set():
            blocks = self._next()
            if not blocks:
                break
            self._index.add(blocks)
            if sum([len(block.transactions)
                    for block in blocks]) >= _MANY_ROWS:
                self._rests_until = time.monotonic() + _PAUSE_SECONDS
            self.height = blocks[-1].height
            if report is not None:
                report(self.height)
        return self.height
