# SPDX-License-Identifier: Apache-2.0
"""A chain in memory, on which drivers anchor in tests of the sender."""

import hashlib
import itertools

from tacker_ledger.core import errors
from tacker_ledger.securelog.anchor_drivers import base
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import anchors

FINAL_DEPTH = 3


class Chain:
    """Blocks and a pool; a transaction spends the anchor before it."""

    def __init__(self):
        self.blocks: list[tuple[bytes, list[bytes]]] = []
        self.pool: list[bytes] = []
        self.spends: dict[bytes, bytes] = {}
        self.away = False
        self._names = itertools.count()

    def mine(self, *txids: bytes, count: int = 1) -> None:
        """Put transactions, or all of the pool, into a block."""
        taken = list(txids) or list(self.pool)
        for txid in taken:
            self.pool = [one for one in self.pool
                         if self.spends[one] != self.spends[txid]]
        for _ in range(count):
            self.blocks.append((self._name(), taken))
            taken = []

    def _name(self) -> bytes:
        return hashlib.sha256(b'%d' % next(self._names)).digest()

    def reorganise(self, depth: int) -> None:
        """Let the last blocks go; what they held waits again."""
        for _, txids in self.blocks[-depth:]:
            self.pool += txids
        del self.blocks[-depth:]

    def mined(self) -> list[bytes]:
        """Return every transaction in a block."""
        return [txid for _, txids in self.blocks for txid in txids]

    def take(self, txid: bytes, previous: bytes) -> None:
        """Take a transaction into the pool."""
        if self.away:
            raise errors.NoNode('the node is away')
        self.spends[txid] = previous
        if any(self.spends[one] == previous and one != txid
               for one in self.mined()):
            raise errors.Duplicate('spent')
        if txid not in self.pool and txid not in self.mined():
            # what spends the same goes: the newer one pays more
            self.pool = [one for one in self.pool
                         if self.spends[one] != previous] + [txid]

    def look(self, txid: bytes) -> base.Status:
        """Return what a node says."""
        if self.away:
            raise errors.NoNode('the node is away')
        for height, (block, txids) in enumerate(self.blocks):
            if txid in txids:
                depth = len(self.blocks) - height
                return base.Status(
                    models.FINAL if depth >= FINAL_DEPTH
                    else models.CONFIRMED, block, height,
                    min(depth, FINAL_DEPTH))
        if txid in self.pool:
            return base.Status(models.PENDING)
        if txid in self.spends and any(
                self.spends[one] == self.spends[txid]
                for one in self.mined()):
            return base.Status(models.CONFLICTED)
        return base.Status('')


class ChainDriver:
    """See :class:`base.Driver`."""

    name = 'bitcoin'
    interval_seconds = 3600.0

    def __init__(self, chain: Chain):
        self.chain = chain
        self.bump_after_ms = 10 ** 12
        self.provided: list[tuple[bytes, list[int]]] = []

    def drafts(self, due, number, previous):
        """See :meth:`base.Driver.drafts`."""
        root = hashlib.sha256(b''.join(one.hash for one in due)).digest()
        spent = b'first' if previous is None else previous.txid
        raw = b'%b|%b' % (spent, root)
        return [anchors.Draft(
            self.name, number, root, [one.id for one in due],
            hashlib.sha256(raw).digest(), raw, 100)]

    def send(self, sent):
        """See :meth:`base.Driver.send`."""
        self.chain.take(sent.txid, sent.raw.split(b'|')[0])

    def look(self, sent):
        """See :meth:`base.Driver.look`."""
        return self.chain.look(sent.txid)

    def replacement(self, sent, now_ms):
        """See :meth:`base.Driver.replacement`."""
        if now_ms < sent.stored_ms + self.bump_after_ms:
            return None
        raw = sent.raw + b'+'
        return base.Replacement(hashlib.sha256(raw).digest(), raw,
                                sent.fee_satoshi + 50)

    def provide(self, sent, checkpoints):
        """See :meth:`base.Driver.provide`."""
        self.provided.append((sent.block, [one.id for one in checkpoints]))
