# SPDX-License-Identifier: Apache-2.0
"""A member's whole store: opened, appended to, closed.

One :class:`LedgerStore` in one process owns a data directory.  A block is
one write transaction: header, transactions, state, histories, federation
document, usage, addressings, and the vote records it makes obsolete.  Then
the mapped array follows in one burst, before anybody hears of the block.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import concurrent.futures
import contextlib
import os
import pathlib
import time

import lmdb
from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import snapshot as snapshot_module
from tacker_ledger.core.ledger import state_map
from tacker_ledger.storage import chain as chain_module
from tacker_ledger.storage import doubt
from tacker_ledger.storage import enrolments
from tacker_ledger.storage import environment
from tacker_ledger.storage import head_mark
from tacker_ledger.storage import lock
from tacker_ledger.storage import snapshot
from tacker_ledger.storage import state
from tacker_ledger.storage import votes
from tacker_ledger.storage import writer

LOG = logging.getLogger(__name__)

#: Proofs of faults: all of them fit one answer about them.
EVIDENCE_MAX_COUNT = 4_096


class LedgerStore:
    """Chain, state, map, votes and enrolments of a member.

    :param directory: the data directory; made when it does not exist
    :param genesis: the checked genesis federation
    :param signed: the same with its signatures, encoded
    :param max_bytes: bound on the size of the database
    :param sync: force commits to disk
    :raises Busy: another process uses the directory
    :raises WrongFederation: the directory holds another chain
    :raises CorruptStore: it is damaged beyond what can be rebuilt
    """

    def __init__(self, directory: str | os.PathLike[str],
                 genesis: federation_module.Federation, signed: bytes, *,
                 max_bytes: int = 1 << 38, sync: bool = True) -> None:
        self.h = hashing.hasher(genesis.chain_id)
        path = pathlib.Path(directory)
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise errors.BadOption(
                f'Option data_directory in [node]: {path}: '
                f'{error.strerror}', option='data_directory',
                group='node') from error
        with contextlib.ExitStack() as opened:
            # a failed start gives back what it has taken
            opened.enter_context(lock.DirectoryLock(path))
            self.env = environment.Environment(path, max_bytes=max_bytes,
                                               sync=sync)
            opened.callback(self.env.close)
            self.env.bind(genesis.chain_id)
            self.env.reap_readers()
            self.chain = chain_module.Chain(self.env)
            self.votes = votes.VoteLog(self.env)
            self.enrolments = enrolments.Enrolments(self.env)
            self.state = state.StateStore(self.env)
            opened.callback(self.state.close)
            self._found(genesis, signed)
            self.nodes = state.MappedNodes(path / state.FILE_NAME)
            opened.callback(self.nodes.close)
            self.tree = state_map.StateMap(self.h, self.nodes, self.state)
            self._open_map()
            self._mark = head_mark.HeadMark(path)
            opened.callback(self._mark.close)
            self._writer = writer.Writer(self.env)
            self._writer.start()
            self._opened = opened.pop_all()

    def _found(self, genesis: federation_module.Federation,
               signed: bytes) -> None:
        """Store the genesis block if the chain has not even that."""
        with self.env.read() as txn:
            if self.chain.height(txn) is not None:
                return
        header = block_module.genesis_header(self.h, genesis)
        with self.env.write() as txn:
            self.chain.append(txn, chain_module.StoredBlock(
                0, header.to_bytes(), b'', (), {}, ()))
            self.chain.put_federation(txn, chain_module.FederationRow(
                0, 0, 0, signed))

    # The map

    def _open_map(self) -> None:
        if (self.nodes.fresh or not self.state.clean()
                or self.tree.root() != self._state_root()):
            self.rebuild_map()
        self.state.mark(clean=False)

    def _state_root(self) -> bytes:
        head = block_module.Header.from_bytes(self.head().header)
        return head.state_root

    def rebuild_map(self) -> None:
        """Build the array again from the values.

        :raises CorruptStore: the values are not those of the head
        """
        started = time.monotonic()
        with self.env.read() as txn:
            state_map.build(self.h, self.nodes, self.state.at(txn).hashes())
        if self.tree.root() != self._state_root():
            raise errors.CorruptStore(
                'The stored state is not the one that the newest block '
                'certifies: restore the data directory, or empty it and '
                'let the node catch up.')
        LOG.info('State map rebuilt in %.2f s', time.monotonic() - started)

    # Reading what a start needs

    def head(self) -> application.Head:
        """Return the newest committed block."""
        with self.env.read() as txn:
            height = self.chain.height(txn)
            assert height is not None
            pair = self.chain.head_pair(txn, height)
        assert pair is not None
        header = block_module.Header.from_bytes(pair[0])
        return application.Head(
            height, header.digest(self.h), header.timestamp_ms, *pair)

    def federation(self) -> federation_module.Federation:
        """Return the federation in force for the next block."""
        with self.env.read() as txn:
            newest = self.chain.federations(txn)[-1]
        signed = federation_module.SignedFederation.from_bytes(newest.signed)
        return federation_module.Federation.of(self.h, signed.document)

    def vote_records(self) -> list[bytes]:
        """Return the vote log.

        :raises CorruptStore: it is damaged
        """
        with self.env.read() as txn:
            return self.votes.load(txn)

    def doubt(self) -> str:
        """Return why the vote log may lack votes; '' if it does not.

        :raises CorruptStore: what is kept about it is damaged
        """
        with self.env.read() as txn:
            return doubt.read(self.env, txn)

    # Writing

    def append(self, run: Sequence[tuple[application.Outcome, bytes]]
               ) -> concurrent.futures.Future[None]:
        """Store consecutive blocks; done when durable and in the map.

        :param run: (judged block, certificate), the last one certified
        """
        stored = [_stored(outcome, certificate)
                  for outcome, certificate in run]

        def job(txn: lmdb.Transaction) -> None:
            for (outcome, _), block in zip(run, stored, strict=True):
                self.chain.append(txn, block)
                self.enrolments.note_addressed(
                    txn, block.height, _addressed(outcome))
            self.votes.prune(txn, stored[-1].height)

        def after() -> None:
            for outcome, _ in run:
                self.nodes.update(outcome.overlay.node_updates)
            self.state.moved()
            self._mark.write(stored[-1].height)

        return self._writer.submit(job, after)

    def install(self, check: snapshot_module.SnapshotCheck,
                incoming: snapshot.Incoming
                ) -> concurrent.futures.Future[None]:
        """Replace the state by a checked snapshot; done when durable.

        :returns: fails with BadProof if the snapshot is no good after all;
            then everything is as before
        """
        def job(txn: lmdb.Transaction) -> None:
            snapshot.put_in(self.env, txn, self.h, check, incoming)

        def after() -> None:
            self.nodes.copy(incoming.nodes)
            self.state.moved()
            self._mark.write(check.height)

        return self._writer.submit(job, after)

    def persist(self, height: int, records: Iterable[bytes]
                ) -> concurrent.futures.Future[None]:
        """Add vote records; done when durable."""
        records = tuple(records)
        return self._writer.submit(
            lambda txn: self.votes.add(txn, height, records))

    def keep_doubt(self, reason: str) -> concurrent.futures.Future[None]:
        """Keep why the vote log may lack votes; '' when that is over."""
        return self._writer.submit(
            lambda txn: doubt.write(self.env, txn, reason))

    def write(self, job: Callable[[lmdb.Transaction], object]
              ) -> concurrent.futures.Future[object]:
        """Run another job in the writer's thread; done when durable."""
        return self._writer.submit(job)

    def add_evidence(self, record: bytes) -> concurrent.futures.Future[None]:
        """Keep a proof of a member's fault, once, within a bound."""
        def job(txn: lmdb.Transaction) -> None:
            last = environment.last(txn, self.env.evidence)
            number = 0 if last is None else (
                environment.U64.unpack(last[0])[0] + 1)
            held = environment.scan(txn, self.env.evidence)
            if number < EVIDENCE_MAX_COUNT and all(
                    value != record for _, value in held):
                environment.put(txn, self.env.evidence,
                                environment.U64.pack(number), record)
        return self._writer.submit(job)

    def evidence(self) -> list[bytes]:
        """Return the kept proofs, the newest last."""
        with self.env.read() as txn:
            return [record for _, record in environment.scan(
                txn, self.env.evidence)]

    @property
    def failure(self) -> errors.StorageFailed | None:
        """Why nothing is written any more, if so."""
        return self._writer.failure

    def suspect(self, reason: str) -> None:
        """Let the next start look at everything and build the map anew."""
        head_mark.suspect(self.env.directory, reason)

    def close(self) -> None:
        """Finish the writes, note that the map is in step, close."""
        self._writer.stop()
        try:
            if self._writer.failure is not None:
                raise self._writer.failure
            self.nodes.sync()
            self.state.mark(clean=True)
            head_mark.ended(self.env.directory)
        except errors.StorageFailed as error:
            LOG.warning('The map will be rebuilt at the next start: %s',
                        error.message)
        self._opened.close()


def _addressed(outcome: application.Outcome
               ) -> list[tuple[int, bytes, bytes]]:
    return [(index, item.content.recipient_id, item.sender_id)
            for index, item in enumerate(outcome.transactions)
            if item.content.recipient_id is not None]


def _stored(outcome: application.Outcome,
            certificate: bytes) -> chain_module.StoredBlock:
    changes = outcome.changes
    federation = None
    if outcome.federation is not None:
        index = changes.federation_index
        assert index is not None
        signed = payload.federation_document_of(
            outcome.transactions[index].content)
        assert signed is not None
        federation = (outcome.federation.epoch, index, signed)
    return chain_module.StoredBlock(
        height=outcome.block.header.height,
        header=outcome.block.header_bytes, certificate=certificate,
        transactions=[chain_module.StoredTransaction(
            item.txid, item.sender_id, item.raw)
            for item in outcome.transactions],
        changes=changes.changes,
        entries=[(entry.state_key, entry.count, entry.index)
                 for entry in changes.entries],
        federation=federation)
