# SPDX-License-Identifier: Apache-2.0
"""The index of a node: opened by configuration, filled from its chain."""

from collections.abc import Iterator
import contextlib
import functools
import os
import sqlite3
from typing import Any

from oslo_db import options as db_options
from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.node import query
from tacker_ledger.storage import index as index_module
from tacker_ledger.storage import rows

LOG = logging.getLogger(__name__)

FILE = 'index.sqlite'
_SQLITE_SECONDS = 10.0
#: Of oslo.db's options, those that make an engine.
_ENGINE_OPTIONS = (
    'sqlite_synchronous', 'mysql_sql_mode', 'connection_recycle_time',
    'max_pool_size', 'max_retries', 'retry_interval', 'max_overflow',
    'connection_debug', 'connection_trace', 'pool_timeout',
    'connection_parameters')


def register_options(conf: Any) -> None:
    """Register ``[database]`` on a configuration object."""
    conf.register_opts(db_options.database_opts, group='database')


def _discard_damaged(path: str) -> None:
    """Remove a file that SQLite finds damaged: it is derived, after all."""
    if not os.path.exists(path):
        return
    problem = 'it cannot be read'
    try:
        with contextlib.closing(sqlite3.connect(
                path, timeout=_SQLITE_SECONDS)) as connection:
            problem = connection.execute(
                'PRAGMA quick_check(1)').fetchone()[0]
            page_bytes = connection.execute(
                'PRAGMA page_size').fetchone()[0]
            if os.path.getsize(path) % page_bytes:
                problem = 'it ends within a page'
    except sqlite3.OperationalError:
        return  # busy, or no access: whoever opens it says so
    except sqlite3.DatabaseError as error:
        problem = str(error)
    if problem == 'ok':
        return
    LOG.error('The index %s is damaged and is built anew: %.200s', path,
              problem)
    for name in (path, f'{path}-wal', f'{path}-shm'):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def open_index(conf: Any) -> index_module.Index:
    """Return the index that a configuration names.

    A damaged file in the data directory is removed.

    :raises BadOption: ``[database] connection`` cannot be used
    """
    connection = conf.database.connection
    if not connection:
        path = os.path.join(os.path.abspath(conf.node.data_directory), FILE)
        _discard_damaged(path)
        connection = f'sqlite:///{path}'
    options = {name: conf.database[name] for name in _ENGINE_OPTIONS
               if name in conf.database}
    return index_module.Index(connection, **options)


def offer(indexer: index_module.Indexer,
          outcome: application_module.Outcome) -> None:
    """Hand a committed block to the indexer, as it was judged."""
    block = outcome.block
    indexer.offer(block.header.height, functools.partial(
        rows.of_parsed, block.header, block.digest, outcome.transactions),
        sum(map(len, block.raw_transactions)))
    indexer.wake()


def _held(reader: query.Query, height: int) -> tuple[
        tuple[query.HeadPair, tuple[bytes, ...] | None] | None, int]:
    """Return the block at a height, or at the next one held, and which.

    Of a block whose body was pruned there is the header alone: its rows are
    those the index has already, or none.
    """
    try:
        return reader.block(height), height
    except errors.Pruned as error:
        first = error.details['first_body']
    try:
        return reader.block(height, body=False), height
    except errors.Pruned:
        return reader.block(first), first


def make_indexer(index: index_module.Index,
                 reader: query.Query) -> index_module.Indexer:
    """Return the thread that keeps an index behind a chain.

    The tables are made to fit the chain first.
    """
    h = hashing.hasher(reader.chain_id)

    def digest_at(height: int) -> bytes | None:
        try:
            block = reader.block(height, body=False)
        except errors.Pruned:
            return None  # before the state came as a snapshot
        return None if block is None else h.hash(
            hashing.Tag.BLOCK, block[0][0])

    def read(first: int, count: int) -> Iterator[index_module.IndexedBlock]:
        height = first
        for _ in range(count):
            block, height = _held(reader, height)
            if block is None:
                return
            yield rows.indexed_block(h, block[0][0], block[1] or ())
            height += 1

    height = index.prepare(reader.chain_id, digest_at)
    return index_module.Indexer(index, read, height)
