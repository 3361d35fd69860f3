# SPDX-License-Identifier: Apache-2.0
"""What nodes were caught at, kept in the tenant's directory.

A file ``evidence/*.lie`` convicts its member by itself: anybody with the
federation document can check it (:mod:`tacker_ledger.core.ledger.lie`).  A
file ``*.claim`` holds the same record of an answer whose falsehood shows
only beside something else, perhaps the answer in ``*.earlier``.
"""

from collections.abc import Iterable
import hashlib

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import lie as lie_module
from tacker_ledger.tenant_client import store as store_module
from tacker_ledger.transport import node_pool

FOLDER = 'evidence'
#: Further ones are not kept.
MAX_COUNT = 256


def keep(store: store_module.Store, h: hashing.Hasher,
         provider: provider_module.Provider,
         federation: federation_module.Federation,
         offences: Iterable[node_pool.Offence]) -> list[str]:
    """Store what a pool of nodes has noticed; return the files' names.

    :param federation: whose answer keys signed the answers
    """
    kept = []
    for one in offences:
        stem = '-'.join((str(one.node.member), one.code,
                         hashlib.sha256(one.answer).hexdigest()[:16]))
        count = len(store.names(FOLDER, ''))
        if count >= MAX_COUNT or any(
                store.path(f'{FOLDER}/{stem}{suffix}').exists()
                for suffix in ('.lie', '.claim')):
            continue
        suffix, record = _record(h, provider, federation, one)
        if one.earlier is not None:
            store.write(f'{FOLDER}/{stem}.earlier', one.earlier)
        store.write(f'{FOLDER}/{stem}{suffix}', record)
        kept.append(stem + suffix)
    return kept


def _record(h: hashing.Hasher, provider: provider_module.Provider,
            federation: federation_module.Federation,
            offence: node_pool.Offence) -> tuple[str, bytes]:
    try:
        found = lie_module.evidence_of(h, provider, federation,
                                       offence.request, offence.node.member,
                                       offence.answer)
    except errors.BadAnswer:
        found = None
    if found is not None:
        return '.lie', found.to_bytes()
    return '.claim', lie_module.Lie(offence.request, offence.answer,
                                    offence.code).to_bytes()
