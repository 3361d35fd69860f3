# SPDX-License-Identifier: Apache-2.0
"""An engine of oslo.db for tables which hold the truth."""

from collections.abc import Iterator
import contextlib
import functools
from typing import Any

from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import enginefacade
import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from tacker_ledger.core import errors

DATABASE_ERRORS = (sa_exc.SQLAlchemyError, db_exc.DBError)
_SQLITE_WAIT_MS = 10_000
_LOCK_SECONDS = 60


def open_engine(connection: str, **options: Any) -> sa.Engine:
    """Return an engine that answers.

    :param connection: a URL of SQLAlchemy; SQLite and MariaDB are tested
    :param options: further options of oslo.db's engine façade
    :raises BadOption: the URL is wrong, its driver is missing, or the
        database does not answer
    """
    context = enginefacade.transaction_context()
    try:
        context.configure(connection=connection, **options)
        engine: sa.Engine = context.writer.get_engine()
        if engine.dialect.name == 'sqlite':
            sa.event.listen(engine, 'connect', functools.partial(
                _tune_sqlite, options.get('sqlite_synchronous', True)))
            sa.event.listen(engine, 'begin', _begin_sqlite)
        with engine.connect():
            pass
    except (sa_exc.NoSuchModuleError, ImportError) as error:
        raise errors.BadOption(
            f'Option connection in [database]: {error}',
            option='connection', group='database') from error
    except (sa_exc.ArgumentError, ValueError):
        # what they say may be a piece of the password
        raise errors.BadOption(
            'Option connection in [database] is no URL of SQLAlchemy; in '
            'user and password ":", "/" and "@" are written as %3A, %2F '
            'and %40', option='connection', group='database') from None
    except DATABASE_ERRORS as error:
        raise errors.BadOption(
            'Option connection in [database]: the database does not '
            f'answer: {brief(error)}', option='connection',
            group='database') from error
    return engine


def brief(error: BaseException) -> str:
    """Return the first line: no statements, no parameters, no password."""
    cause = getattr(error, 'inner_exception', None) or error
    cause = getattr(cause, 'orig', None) or cause
    text = (str(cause).splitlines() or [''])[0][:200]
    return f'{type(cause).__name__}: {text}'


@contextlib.contextmanager
def failures(what: str) -> Iterator[None]:
    """Turn errors of the database into ``storage-failed``.

    :param what: whose tables these are, for people
    """
    try:
        yield
    except DATABASE_ERRORS as error:
        raise errors.StorageFailed(
            f'The {what} cannot be used: {brief(error)}') from error


def _tune_sqlite(is_durable: bool, connection: Any, record: Any) -> None:
    """Make what is committed durable, and let others wait for a turn."""
    cursor = connection.cursor()
    cursor.execute(f'PRAGMA busy_timeout={_SQLITE_WAIT_MS}')
    cursor.execute('PRAGMA journal_mode=WAL')
    cursor.execute(
        f'PRAGMA synchronous={"FULL" if is_durable else "OFF"}')
    cursor.execute('PRAGMA foreign_keys=ON')
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    """Take the turn to write at once, and see what others wrote before.

    oslo.db has begun a transaction that would do so at its first change:
    too late where something was read before.
    """
    connection.exec_driver_sql('ROLLBACK')
    connection.exec_driver_sql('BEGIN IMMEDIATE')


@contextlib.contextmanager
def turn(connection: sa.Connection, name: str) -> Iterator[None]:
    """Let one process after the other change the schema.

    SQLite's transaction is that already; MariaDB commits at each step.

    :param name: of the lock
    :raises StorageFailed: it is not this process' turn for too long
    """
    if connection.dialect.name == 'sqlite':
        yield
        return
    named = {'name': name}
    got = connection.execute(sa.text(
        'SELECT GET_LOCK(:name, :seconds)'),
        {**named, 'seconds': _LOCK_SECONDS}).scalar()
    if got != 1:
        raise errors.StorageFailed(
            'Another process has been changing the schema for '
            f'{_LOCK_SECONDS} seconds')
    try:
        yield
    finally:
        connection.execute(sa.text('SELECT RELEASE_LOCK(:name)'), named)
