# SPDX-License-Identifier: Apache-2.0
"""A federation in memory: real core, real keys, real votes, no processes.

Tests of clients need nodes that answer, and nodes that lie in every way.
:class:`Chain` is a ledger whose blocks are made by the real application and
certified by real Ed25519 votes; time is the caller's.  The doors of its
members are in ``door_simulator``.
"""

from collections.abc import Sequence
import dataclasses

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import application as application_module
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction as transaction_module

#: When the simulated federation was founded.
FOUNDED_MS = 1_700_000_000_000
DAY_MS = 86_400_000
HEARTBEAT_MS = 30_000


@dataclasses.dataclass(frozen=True, slots=True)
class Secrets:
    """The private keys of one member."""

    node: provider_module.SoftwareKeyPair
    vote: bytes
    answer: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Committed:
    """A block of the chain."""

    block: block_module.Block
    certificate: bytes


class _Pool:
    """Hands the application exactly what a test wants in the next block."""

    def __init__(self) -> None:
        self.waiting: list[transaction_module.Transaction] = []
        self.refused: list[Exception] = []

    def candidates(self, max_count, max_bytes):
        return tuple(self.waiting)

    def known(self, raw):
        return None

    def rejected(self, transaction, error):
        self.refused.append(error)


class Chain:
    """A ledger of one federation.

    :param members: how many
    :param urls: door URLs by member; made up if not given
    :param nonce: makes two federations of one make distinct
    """

    def __init__(self, members: int = 4, *, urls: Sequence[str] = (),
                 nonce: bytes = bytes(16),
                 provider: provider_module.Provider | None = None,
                 heartbeat_ms: int = HEARTBEAT_MS) -> None:
        self.provider = provider or providers.default()
        self.secrets = [Secrets(
            self.provider.generate(2, encryption=False),
            self.provider.random_bytes(32), self.provider.random_bytes(32))
            for _ in range(members)]
        self.issuer = self.provider.generate(2, encryption=False)
        self.urls = list(urls) or [f'http://127.0.0.1:{9100 + index}'
                                   for index in range(members)]
        document = federation_document.Document(
            nonce=nonce, epoch=0,
            predecessor=federation_document.NO_PREDECESSOR,
            created_ms=FOUNDED_MS, expiry_ms=FOUNDED_MS + 3650 * DAY_MS,
            members=tuple(self._member(index) for index in range(members)),
            issuer=self.issuer.document,
            parameters=federation_document.Parameters(
                heartbeat_ms=heartbeat_ms))
        self.signed = self._approved(federation_module.issue(
            self.issuer, document))
        self.federation = federation_module.check_genesis(
            self.provider, self.signed)
        self.h = hashing.hasher(self.federation.chain_id)
        self._found()

    def _member(self, index: int) -> federation_document.Member:
        own = self.secrets[index]
        return federation_document.Member(
            name=f'node-{index}', peer_address=f'127.0.0.1:{9000 + index}',
            door_url=self.urls[index], node_key=own.node.document,
            vote_key=self.provider.ed25519_public(own.vote),
            answer_key=self.provider.ed25519_public(own.answer))

    def _approved(self, signed, h=None,
                  sides=(federation_module.SIDE_OWN,)):
        h = h or hashing.hasher(identifiers.chain_id_of(signed.document))
        return signed.with_approvals(
            federation_module.approve(h, own.node, signed, side, index)
            for side in sides for index, own in enumerate(self.secrets))

    def change_federation(self, **changes) -> None:
        """Put the next federation document in force, by a block."""
        current = self.federation
        document = dataclasses.replace(
            current.document, epoch=current.epoch + 1,
            predecessor=current.digest, **changes)
        signed = self._approved(
            federation_module.issue(self.issuer, document, self.h.chain_id),
            self.h, (federation_module.SIDE_PREDECESSOR,
                     federation_module.SIDE_OWN))
        one = authoring.author_public(
            self.h, self.provider.generate(2), vid=1,
            payload=payload.FederationDocument(signed.to_bytes()),
            timestamp_ms=self.time_ms, nonce=self.provider.random_bytes(16))
        self.commit(one)
        self.successors.append((signed, one.txid))
        self.federation = self.application.federation

    def _found(self) -> None:
        genesis = block_module.genesis_header(self.h, self.federation)
        block = block_module.Block.assembled(self.h, genesis, ())
        self.blocks = [Committed(block, b'')]
        self.state = state_map.MemoryState()
        self.tree = state_map.StateMap(
            self.h, state_map.SparseNodes(), self.state)
        self.pool = _Pool()
        self.application = application_module.Application(
            self.h, self.provider, view=self.state, tree=self.tree,
            federation=self.federation, pool=self.pool,
            head=application_module.Head(
                0, block.digest, genesis.timestamp_ms, block.header_bytes,
                b''))
        #: state key -> [(height, index)] in order
        self.histories: dict[bytes, list[tuple[int, int]]] = {}
        #: (signed document, id of the transaction that holds it)
        self.successors = []
        #: transaction id -> (height, index)
        self.places: dict[bytes, tuple[int, int]] = {}

    @property
    def height(self) -> int:
        """Of the newest block."""
        return self.application.head.height

    @property
    def time_ms(self) -> int:
        """Time of the newest block."""
        return self.application.head.time_ms

    def commit(self, *transactions: transaction_module.Transaction,
               time_ms: int | None = None) -> int:
        """Append a block with these transactions and return its height.

        :param time_ms: None: a second after the last block
        :raises LedgerError: one of them is not valid there
        """
        now_ms = self.time_ms + 1000 if time_ms is None else time_ms
        self.pool.waiting = list(transactions)
        self.pool.refused = []
        outcome = self.application.propose(now_ms, 0, allow_empty=True)
        if self.pool.refused:
            raise self.pool.refused[0]
        certificate = self.certificate(outcome.block.header.height,
                                       outcome.block.digest)
        self.state.update(outcome.changes.changes)
        self.application.committed(outcome, certificate)
        self._index(outcome)
        self.blocks.append(Committed(outcome.block, certificate))
        return self.height

    def certificate(self, height: int, digest: bytes,
                    members: Sequence[int] | None = None) -> bytes:
        """Return commit votes of members (a quorum) for a header."""
        message = messages.vote_message(
            self.h, messages.Commit.KIND, height, 0, digest)
        chosen = range(self.federation.quorum) if members is None else members
        return certificate_module.Certificate.of(0, [
            (index, self.provider.sign_raw_ed25519(
                self.secrets[index].vote, message)) for index in chosen
        ]).to_bytes()

    def _index(self, outcome) -> None:
        height = outcome.block.header.height
        for entry in outcome.changes.entries:
            self.histories.setdefault(entry.state_key, []).append(
                (height, entry.index))
        for index, one in enumerate(outcome.transactions):
            self.places[one.txid] = (height, index)

    def cid_record(self, cid: bytes) -> state_records.CidRecord | None:
        """Return what the state says of a CID."""
        value = self.state.get(identifiers.cid_state_key(self.h, cid))
        return None if value is None else (
            state_records.CidRecord.from_bytes(value))

    def raw_at(self, place: tuple[int, int]) -> bytes:
        """Return the transaction at (height, index)."""
        height, index = place
        return self.blocks[height].block.raw_transactions[index]

    def beats(self, until_ms: int) -> None:
        """Append heartbeat blocks up to a time."""
        while self.time_ms + HEARTBEAT_MS <= until_ms:
            self.commit(time_ms=self.time_ms + HEARTBEAT_MS)
        if self.time_ms < until_ms:
            self.commit(time_ms=until_ms)
