# SPDX-License-Identifier: Apache-2.0
"""Which members keep the whole chain, as a node last knew it.

In ``meta`` under ``holdings``: canonical CBOR of when it was noted (Unix
time, milliseconds), what the node said of itself, and the members that said
they keep everything while they were connected.  In ``meta`` under
``pruned``: what was pruned, and the archive that made it harmless.
"""

import dataclasses
from typing import Any

import lmdb

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.storage import environment

_KEY = b'holdings'
_PRUNED_KEY = b'pruned'
_MEMBER = codec.Int(0, limits.MEMBERS_MAX_COUNT - 1)
_SCHEMA = codec.Record(codec.Int(), codec.Bool(), codec.Array(
    _MEMBER, 0, limits.MEMBERS_MAX_COUNT))
_PRUNED_SCHEMA = codec.Record(codec.Int(), codec.Int(),
                              codec.Bytes.exact(32), codec.Int())
_MAX_BYTES = 16 * limits.MEMBERS_MAX_COUNT + 64


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What a node knew when it noted it.

    :param noted_ms: when, Unix time
    :param keeps: whether the node itself is to be an archive
    :param archives: the other members that were connected and hold every
        body and keep them
    """

    noted_ms: int
    keeps: bool
    archives: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Pruned:
    """What made pruning harmless.

    :param before: bodies below this height went
    :param archive_height: the verified archive goes up to here
    :param archive_sha256: of its bytes
    :param pruned_ms: when, Unix time
    """

    before: int
    archive_height: int
    archive_sha256: bytes
    pruned_ms: int


def read(env: environment.Environment, txn: lmdb.Transaction
         ) -> Known | None:
    """Return what was noted last, None if nothing was."""
    stored = environment.get(txn, env.meta, _KEY)
    if stored is None:
        return None
    noted_ms, keeps, archives = _decoded(stored, _SCHEMA)
    return Known(noted_ms, keeps, archives)


def write(env: environment.Environment, txn: lmdb.Transaction,
          known: Known) -> None:
    """Note what is known."""
    environment.put(txn, env.meta, _KEY, codec.encode(
        (known.noted_ms, known.keeps, tuple(known.archives))))


def read_pruned(env: environment.Environment, txn: lmdb.Transaction
                ) -> Pruned | None:
    """Return what was pruned last, None if nothing ever was."""
    stored = environment.get(txn, env.meta, _PRUNED_KEY)
    return None if stored is None else Pruned(
        *_decoded(stored, _PRUNED_SCHEMA))


def write_pruned(env: environment.Environment, txn: lmdb.Transaction,
                 pruned: Pruned) -> None:
    """Note what is being pruned."""
    environment.put(txn, env.meta, _PRUNED_KEY, codec.encode((
        pruned.before, pruned.archive_height, pruned.archive_sha256,
        pruned.pruned_ms)))


def _decoded(stored: bytes, schema: codec.Schema) -> tuple[Any, ...]:
    try:
        fields: tuple[Any, ...] = codec.decode(stored, schema, _MAX_BYTES)
    except errors.FormatError as error:
        raise errors.CorruptStore(
            'What is noted about archives is damaged.') from error
    return fields
