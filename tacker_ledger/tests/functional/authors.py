# SPDX-License-Identifier: Apache-2.0
"""Keys which write transactions, for tests of nodes."""

import dataclasses
import secrets
import time

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import transaction as transaction_module

ED25519 = 2


@dataclasses.dataclass(frozen=True)
class Written:
    """A transaction on its way.

    :param submission: what a door takes
    """

    transaction: transaction_module.Transaction
    submission: bytes

    @property
    def txid(self) -> bytes:
        """Its id."""
        return self.transaction.txid


class Author:
    """One key.

    :param h: of the chain
    :param suite: number of its suite
    """

    def __init__(self, h: hashing.Hasher, suite: int = ED25519):
        self._h = h
        self._provider = providers.default()
        self.pair = self._provider.generate(suite)

    @property
    def key_id(self) -> bytes:
        """Its key id."""
        return self.pair.document.key_id

    def template(self, size: int = 400, cid: bytes | None = None,
                 vid: int = 1) -> Written:
        """Return a public template of about ``size`` bytes."""
        return self._written(authoring.author_public(
            self._h, self.pair, cid=cid, vid=vid,
            payload=payload.Template(
                'file', 'target', secrets.token_bytes(size), 'vendor', '1'),
            timestamp_ms=_now_ms(), nonce=secrets.token_bytes(16),
            compression=0))

    def federation(self, signed: bytes) -> Written:
        """Return the transaction that publishes a federation document."""
        return self._written(authoring.author_public(
            self._h, self.pair, vid=1,
            payload=payload.FederationDocument(signed),
            timestamp_ms=_now_ms(), nonce=secrets.token_bytes(16)))

    def configuration(self, to: 'Author', cid: bytes | None = None,
                      vid: int = 1) -> Written:
        """Return a configuration sealed for another author."""
        authored = authoring.author_configuration(
            self._h, self._provider, self.pair, cid=cid, vid=vid,
            payload=payload.Welcome('hello'), recipient=to.pair.document,
            timestamp_ms=_now_ms(), nonce=secrets.token_bytes(16),
            content_key=secrets.token_bytes(32))
        return self._written(authored.transaction)

    def request(self, to: 'Author') -> Written:
        """Return a request for another author's configuration."""
        now_ms = _now_ms()
        return self._written(authoring.author_request(
            self._h, self.pair, cid=None, vid=1, recipient_id=to.key_id,
            slot_expiry_ms=now_ms + 60_000, compression=1, description='',
            timestamp_ms=now_ms, nonce=secrets.token_bytes(16)))

    def answer(self, request: Written) -> Written:
        """Return the answer to a request."""
        authored = authoring.author_answer(
            self._h, self._provider, self.pair, request.transaction,
            payload.Welcome('answer'), timestamp_ms=_now_ms(),
            nonce=secrets.token_bytes(16),
            content_key=secrets.token_bytes(32))
        return self._written(authored.transaction)

    @staticmethod
    def _written(transaction: transaction_module.Transaction) -> Written:
        return Written(transaction, transaction_module.Submission(
            transaction.raw).to_bytes())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
