# SPDX-License-Identifier: Apache-2.0
"""Why a member may have forgotten votes, kept until that is over.

In ``meta`` under ``doubt``: the reason, UTF-8.  A restored store holds it
before a node ever opens it; a node in doubt keeps it through restarts.
"""

import lmdb

from tacker_ledger.core import errors
from tacker_ledger.storage import environment

_KEY = b'doubt'
_REASON_MAX_CHARS = 500


def read(env: environment.Environment, txn: lmdb.Transaction) -> str:
    """Return the reason; '' if there is no doubt.

    :raises CorruptStore: the record is damaged
    """
    stored = environment.get(txn, env.meta, _KEY)
    if stored is None:
        return ''
    try:
        return stored.decode()
    except UnicodeDecodeError as error:
        raise errors.CorruptStore(
            'The reason for doubt is no text.') from error


def write(env: environment.Environment, txn: lmdb.Transaction,
          reason: str) -> None:
    """Keep a reason; '' removes what is kept."""
    if reason:
        environment.put(txn, env.meta, _KEY,
                        reason[:_REASON_MAX_CHARS].encode())
    else:
        environment.delete(txn, env.meta, _KEY)
