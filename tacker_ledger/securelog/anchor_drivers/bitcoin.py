# SPDX-License-Identifier: Apache-2.0
"""Anchors checkpoints on a Bitcoin chain: one root an hour, chained.

Each anchor spends output 0 of the one before, so the first output leads to
all of them.  Making that first output is a transaction of its own, stored
like an anchor and with no root.
"""

from collections.abc import Sequence
import pathlib
from typing import Any

from oslo_log import log as logging

from tacker_ledger.bitcoin import proof_file
from tacker_ledger.bitcoin import rpc
from tacker_ledger.bitcoin import spender as spender_module
from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import limits
from tacker_ledger.core.securelog import anchor_chain
from tacker_ledger.core.securelog import anchor_tree
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import op_return
from tacker_ledger.core.securelog import transaction
from tacker_ledger.securelog.anchor_drivers import base
from tacker_ledger.securelog import ledger_link
from tacker_ledger.securelog import proof_folder
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import anchors

LOG = logging.getLogger(__name__)

_NOTES = codec.Record(
    codec.Const(1),
    codec.Optional(codec.Record(codec.Bytes.exact(32), codec.Int(),
                                codec.Bytes.exact(32))),
    codec.Optional(codec.Text(80)))
_NOTES_MAX_BYTES = 512
_STATES = {'unknown': '', 'pending': models.PENDING,
           'conflicted': models.CONFLICTED}


class BitcoinDriver:
    """See :class:`base.Driver`.

    :param conf: with ``[publisher]``, ``[bitcoin]`` and, for one more leaf
        with the ledger's newest head, ``[anchor_ledger]``
    """

    name = 'bitcoin'

    def __init__(self, conf: Any) -> None:
        self.interval_seconds = float(conf.publisher.interval_seconds)
        self._bump_after_ms = conf.bitcoin.bump_after_seconds * 1000
        self._client = rpc.client(conf.bitcoin)
        self._spender = spender_module.spender(conf.bitcoin)
        self._ledger = (ledger_link.LedgerLink(conf.anchor_ledger)
                        if conf.anchor_ledger.nodes else None)
        self._opened = False

    @staticmethod
    def reader(conf: Any) -> base.ChainReader:
        """Return what reads these anchors for the validator."""
        return BitcoinReader(conf)

    def _open(self) -> spender_module.Spender:
        """Return the spender once node, chain and wallet are right."""
        if not self._opened:
            self._spender.open(create=True)
            self._opened = True
        return self._spender

    def _head(self) -> anchor_tree.Head | None:
        """Return the ledger's newest head; a ledger that is away can wait.
        """
        if self._ledger is None:
            return None
        try:
            found = self._ledger.head()
        except errors.LedgerError as error:
            LOG.warning('This anchor does not hold the head of the ledger: '
                        '%s: %s', error.code, error.message)
            return None
        return anchor_tree.Head(self._ledger.chain_id, found.height,
                                found.header_digest)

    def drafts(self, due: Sequence[anchors.Checkpoint], number: int,
               previous: anchors.Sent | None) -> list[anchors.Draft]:
        """See :meth:`base.Driver.drafts`."""
        # the node may have been exchanged, or have lost the wallet
        self._opened = False
        spender = self._open()
        due = _bounded(due)
        if previous is None:
            built = spender.found()
            LOG.warning('The chain of anchors begins at output %s: tell the '
                        'auditors', built.tip.text)
            return [_draft(number, anchors.NO_ROOT, (), built, b'')]
        balance = spender.balance()
        if balance.low:
            LOG.warning('The wallet pays for %s more anchors (%s satoshi)',
                        balance.anchors_left, balance.satoshi)
        head = self._head()
        tree = tree_of(due, head)
        built = spender.build(tree.root, transaction.Outpoint(
            previous.txid.hex(), 0))
        return [_draft(number, tree.root, [one.id for one in due], built,
                       _notes(head))]

    def send(self, sent: anchors.Sent) -> None:
        """See :meth:`base.Driver.send`."""
        spender = self._open()
        try:
            spender.send(sent.raw.hex())
        except errors.BitcoinFailed as error:
            if error.reason == 'inputs-spent' and self._is_superseded(sent):
                raise errors.AnchorConflict(
                    'another transaction has spent its input',
                    txid=sent.txid.hex()) from error
            raise

    def _is_superseded(self, sent: anchors.Sent) -> bool:
        """Return whether a block spends the input that links the chain."""
        spent = transaction.parse(sent.raw.hex()).inputs[0]
        return (self._open().status(spent.txid).state == 'confirmed'
                and self._client.call('gettxout', spent.txid, spent.index,
                                      False) is None)

    def look(self, sent: anchors.Sent) -> base.Status:
        """See :meth:`base.Driver.look`."""
        spender = self._open()
        try:
            status = spender.status(sent.txid.hex())
        except errors.BitcoinFailed as error:
            if error.reason == 'no-wallet':
                self._opened = False  # loaded again at the next turn
            raise
        if status.state != 'confirmed':
            return base.Status(_STATES[status.state])
        assert status.block_hash is not None
        is_final = status.confirmations >= spender.final_depth
        return base.Status(
            models.FINAL if is_final else models.CONFIRMED,
            bytes.fromhex(status.block_hash), status.height,
            min(status.confirmations, spender.final_depth))

    def replacement(self, sent: anchors.Sent, now_ms: int
                    ) -> base.Replacement | None:
        """See :meth:`base.Driver.replacement`."""
        if (sent.state != models.PENDING
                or now_ms < sent.stored_ms + self._bump_after_ms):
            return None
        try:
            built = self._open().replace(sent.raw.hex())
        except errors.BitcoinFailed as error:
            if error.passing:
                raise
            LOG.warning('Anchor %s waits, and cannot pay more: %s',
                        sent.number, error.message)
            return None
        return base.Replacement(bytes.fromhex(built.txid),
                                bytes.fromhex(built.raw), built.fee_satoshi)

    def provide(self, sent: anchors.Sent,
                checkpoints: Sequence[anchors.Checkpoint]) -> None:
        """See :meth:`base.Driver.provide`."""
        assert sent.block is not None and sent.height is not None
        tree = restored_tree(sent, checkpoints)
        block = self._client.call('getblock', sent.block.hex(), 1)
        head = _head_of(sent)
        for log_file, mine in proof_folder.by_log(checkpoints):
            folder = proof_folder.ProofFolder(pathlib.Path(log_file))
            path = tree.log_path(mine[0].log_id)
            folder.write(f'{sent.number:08d}.path', path.encode())
            folder.write(f'{sent.number:08d}.tx', sent.raw)
            for one in mine:
                name = f'{sent.number:08d}-{one.writer}.{one.sequence}.leaf'
                folder.write(name, leaf.leaf_file(
                    one.log_id, one.writer, one.sequence, one.record))
                folder.write(f'{name}.ots', proof_file.build(
                    one.hash, path.ots_steps(one.writer, one.sequence),
                    sent.raw.hex(), block['tx'], sent.height))
            if head is not None:
                name = f'{sent.number:08d}-ledger'
                above = tree.ledger_path()
                folder.write(f'{name}.path', above.encode())
                folder.write(f'{name}.leaf', above.leaf_file())
                folder.write(f'{name}.leaf.ots', proof_file.build(
                    leaf.leaf_hash(above.leaf_file()), above.ots_steps(),
                    sent.raw.hex(), block['tx'], sent.height))


class BitcoinReader:
    """Reads from a Bitcoin node, which need not know the wallet.

    :param conf: with ``[bitcoin]`` and ``[validator]``
    """

    def __init__(self, conf: Any) -> None:
        self._client = rpc.client(conf.bitcoin)
        self._chain = rpc.chain(conf.bitcoin)
        first = conf.validator.first_outpoint
        self._first = transaction.Outpoint.parse(first) if first else None
        #: Outputs of anchors that lead back to the first one.
        self._linked: set[transaction.Outpoint] = set()
        #: Only where work is spent, and coins have a value.
        self.is_evidence = conf.bitcoin.network == 'main'
        self._final_depth = rpc.final_depth(conf.bitcoin)

    def read(self, sent: anchors.Sent, raw_of: base.RawOf
             ) -> base.Found | None:
        """See :meth:`base.ChainReader.read`."""
        self._client.check_chain(self._chain)
        if sent.block is None:
            return None
        try:
            header = self._client.call('getblockheader', sent.block.hex())
            if header['confirmations'] < self._final_depth:
                # negative: not in the chain (any more)
                return None
            decoded = self._client.call(
                'getrawtransaction', sent.txid.hex(), True, sent.block.hex())
        except errors.BitcoinFailed as error:
            if error.reason != 'not-found':
                raise
            return None
        try:
            root = op_return.from_decoded(decoded)
        except errors.LedgerError as error:
            return base.Found(sent.block, header['height'], None, error.code)
        if root != sent.root:
            return base.Found(sent.block, header['height'], None, 'bad-hash')
        if not self._is_chained(decoded['hex'], raw_of):
            return base.Found(sent.block, header['height'], None,
                              anchor_chain.NOT_CHAINED)
        return base.Found(sent.block, header['height'], root)

    def _is_chained(self, raw: str, raw_of: base.RawOf) -> bool:
        """Return whether an anchor leads back to the first output.

        A transaction's id is its hash, so where the earlier ones come from
        does not matter.
        """
        if self._first is None:
            return True
        passed = []
        spent = transaction.parse(raw).inputs[0]
        while spent != self._first and spent not in self._linked:
            found = raw_of(bytes.fromhex(spent.txid))
            if found is None or spent.index:
                return False
            before = transaction.parse(found.hex())
            if before.txid != spent.txid:
                return False
            passed.append(spent)
            spent = before.inputs[0]
        self._linked.update(passed)
        return True

    def check_root(self, sent: anchors.Sent,
                   checkpoints: Sequence[anchors.Checkpoint]) -> None:
        """See :meth:`base.ChainReader.check_root`."""
        restored_tree(sent, checkpoints)


def _draft(number: int, root: bytes, ids: Sequence[int],
           built: spender_module.Built, notes: bytes) -> anchors.Draft:
    return anchors.Draft(
        BitcoinDriver.name, number, root, tuple(ids),
        bytes.fromhex(built.txid), bytes.fromhex(built.raw),
        built.fee_satoshi, notes)


def _bounded(due: Sequence[anchors.Checkpoint]
             ) -> list[anchors.Checkpoint]:
    """Return what fits into one anchor; the rest is due for the next."""
    by_log: dict[bytes, list[anchors.Checkpoint]] = {}
    for one in due:
        if (one.log_id in by_log
                or len(by_log) < limits.ANCHOR_LOGS_MAX_COUNT):
            by_log.setdefault(one.log_id, []).append(one)
    return [one for mine in by_log.values()
            for one in mine[:limits.ANCHOR_CHECKPOINTS_MAX_COUNT]]


def tree_of(checkpoints: Sequence[anchors.Checkpoint],
            head: anchor_tree.Head | None) -> anchor_tree.AnchorTree:
    """Return the tree over checkpoints, a subtree per log."""
    logs: dict[bytes, list[anchor_tree.Entry]] = {}
    for one in checkpoints:
        logs.setdefault(one.log_id, []).append(
            anchor_tree.Entry(one.writer, one.sequence, one.hash))
    return anchor_tree.AnchorTree(logs, ledger=head)


def restored_tree(sent: anchors.Sent,
                  checkpoints: Sequence[anchors.Checkpoint]
                  ) -> anchor_tree.AnchorTree:
    """Return the tree of a stored anchor.

    :raises BadProof: the rows do not lead to its root
    """
    tree = tree_of(checkpoints, _head_of(sent))
    if tree.root != sent.root:
        raise errors.BadProof('The rows of the anchor do not lead to its '
                              'root', anchor=sent.number)
    return tree


def _head_of(sent: anchors.Sent) -> anchor_tree.Head | None:
    """Return the ledger's head under a stored anchor."""
    fields = codec.decode(sent.notes, _NOTES, _NOTES_MAX_BYTES)
    return None if fields[1] is None else anchor_tree.Head(*fields[1])


def _notes(head: anchor_tree.Head | None) -> bytes:
    return codec.encode((1, None if head is None else (
        head.chain_id, head.height, head.block_hash), None))
