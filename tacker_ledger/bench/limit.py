# SPDX-License-Identifier: Apache-2.0
"""This machine's limit: what no node can do a transaction without.

Checking the signature, hashing the content, and inserting the transaction
durably with the keys that find it again, each as bare as the libraries
allow, in one process and with nothing around it.  Figures of nodes are
printed as fractions of it, so they mean something on another machine.
"""

import dataclasses
import pathlib
import tempfile
import time

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
import lmdb

from tacker_ledger.bench import load as load_module
from tacker_ledger.core.crypto import rsa2048
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import transaction as transaction_module

_REPEATS = 5
_BLOCK = 300
_MAP_BYTES = 1 << 30


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """Processor seconds for one transaction.

    :param verify: its RSA-2048 PSS signature
    :param hash: SHA-256 of its content
    :param insert: six LMDB records in blocks of 300, durable
    :param sign: an Ed25519 signature, as each answer has one
    """

    verify: float
    hash: float
    insert: float
    sign: float

    @property
    def transaction(self) -> float:
        """All a committed transaction cannot do without."""
        return self.verify + self.hash + self.insert


def measure(load: load_module.Load, chain_id: bytes) -> Limit:
    """Return the limit for these transactions, the best of five runs."""
    h = hashing.hasher(chain_id)
    parsed = [transaction_module.Transaction.from_bytes(
        h, transaction_module.Submission.from_bytes(one.submission)
        .transaction) for one in load.transactions]
    return Limit(*(min(work(h, parsed) for _ in range(_REPEATS))
                   for work in (_verify, _hash, _insert, _sign)))


_Parsed = list[transaction_module.Transaction]


def _verify(h: hashing.Hasher, parsed: _Parsed) -> float:
    sha256 = hashes.SHA256()
    pss = padding.PSS(padding.MGF1(sha256), rsa2048.SALT_BYTES)
    keys: dict[bytes, rsa.RSAPublicKey] = {}
    work = []
    for one in parsed:
        spki = one.sender.signing
        if spki not in keys:
            key = serialization.load_der_public_key(spki)
            assert isinstance(key, rsa.RSAPublicKey)
            keys[spki] = key
        work.append((keys[spki].verify, one.signature,
                     transaction_module.signed_message(h, one.txid)))
    began = time.process_time()
    for verify, signature, message in work:
        verify(signature, message, pss, sha256)
    return (time.process_time() - began) / len(parsed)


def _hash(h: hashing.Hasher, parsed: _Parsed) -> float:
    contents = [one.content_bytes for one in parsed]
    began = time.process_time()
    for content in contents:
        h.hash(hashing.Tag.TRANSACTION, content)
    return (time.process_time() - began) / len(parsed)


def _insert(_h: hashing.Hasher, parsed: _Parsed) -> float:
    with tempfile.TemporaryDirectory(prefix='ledger-bench-') as directory:
        with lmdb.open(str(pathlib.Path(directory) / 'limit'), max_dbs=2,
                       map_size=_MAP_BYTES) as env:
            bodies = env.open_db(b'bodies')
            keys = env.open_db(b'keys')
            began = time.process_time()
            for at in range(0, len(parsed), _BLOCK):
                with env.begin(write=True) as txn:
                    for number, one in enumerate(parsed[at:at + _BLOCK]):
                        place = (at + number).to_bytes(12, 'big')
                        txn.put(place, one.raw, db=bodies, append=True)
                        # its id, its two state keys, its two histories
                        for tag in range(5):
                            txn.put(bytes((one.txid[tag],)) + one.txid[1:]
                                    + bytes((tag,)), place, db=keys)
            return (time.process_time() - began) / len(parsed)


def _sign(_h: hashing.Hasher, parsed: _Parsed) -> float:
    key = ed25519.Ed25519PrivateKey.generate()
    messages = [one.txid * 6 for one in parsed]
    began = time.process_time()
    for message in messages:
        key.sign(message)
    return (time.process_time() - began) / len(parsed)
