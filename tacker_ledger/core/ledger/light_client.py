# SPDX-License-Identifier: Apache-2.0
"""The light client: its caller decides what to load, it decides whether.

It holds a :class:`~.trusted_state.TrustedState` and judges headers,
certificates, proofs, transactions and histories by it.  It loads nothing,
asks nobody and knows no time.  What it accepts replaces :attr:`trusted`,
which the caller stores; what it refuses leaves it unchanged.
"""

from collections.abc import Iterable
import dataclasses

from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import answer
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import state_proof
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core.ledger import trusted_state

Certified = certificate_module.Certified
TrustedState = trusted_state.TrustedState


class LightClient:
    """Judges what nodes show.

    :param provider: verifies signatures
    :param trusted: what is believed to begin with
    """

    def __init__(self, provider: base.Provider,
                 trusted: trusted_state.TrustedState) -> None:
        self._provider = provider
        self._h = hashing.hasher(trusted.chain_id)
        #: What is believed now; replaced, never changed.
        self.trusted = trusted

    @property
    def h(self) -> hashing.Hasher:
        """Of the chain."""
        return self._h

    def certify(self, header: bytes, certificate: bytes) -> Certified:
        """Return what a header at any height makes certain.

        :raises BadBlock: not a header
        :raises WrongFederation: of another chain
        :raises UnknownFederation: under a federation that is not known or
            not in force at its height: load ``/v1/federation``
        :raises BadCertificate: the certificate does not certify it
        :raises ForkedChain: another block than the one known at its height
        """
        parsed = certificate_module.read_header(self._h, header)
        found = certificate_module.certify(
            self._h, self._provider,
            self.trusted.federation_at(parsed.height, parsed.federation),
            header, certificate)
        for known in (self.trusted.floor, self.trusted.reference):
            if (found.height == known.height
                    and found.header_digest != known.digest):
                raise errors.ForkedChain(
                    'two certified blocks of one height differ',
                    height=found.height, known=known.digest.hex(),
                    shown=found.header_digest.hex())
        return found

    def accept_head(self, header: bytes, certificate: bytes) -> Certified:
        """Return a head, which is believed from now on.

        :raises HeadRollback: it is lower than one that was believed
        :raises ForkedChain: it cannot be on one chain with that
        :raises FederationExpired: the document that it stands under ended
            before it
        :raises ProofError: as :meth:`certify` does
        """
        found = self.certify(header, certificate)
        known = self.trusted.reference
        if found.height < known.height:
            raise errors.HeadRollback(
                f'a head at {found.height} after one at {known.height}',
                known=known.height, shown=found.height)
        if found.height > known.height and found.time_ms <= known.time_ms:
            raise errors.ForkedChain('time runs backwards on this chain',
                                     height=found.height)
        expiry_ms = self.trusted.federation.document.expiry_ms
        if found.time_ms > expiry_ms:
            raise errors.FederationExpired(
                'the federation document has expired',
                expiry_ms=expiry_ms, time_ms=found.time_ms)
        self.trusted = dataclasses.replace(self.trusted, head=found)
        return found

    def is_of_the_past(self, header: bytes) -> bool:
        """Return whether a certified header is under a document that ended.

        Those who certified it may have left since: their keys could certify
        other blocks of that time, which no later head commits to.  So what
        is found in it counts only if the present state proves it too.
        """
        parsed = certificate_module.read_header(self._h, header)
        return parsed.federation != self.trusted.federation.digest

    def advance_federation(self, raw: bytes,
                           inclusion: answer.InclusionFields, header: bytes,
                           certificate: bytes
                           ) -> federation_module.Federation:
        """Return the next federation, in force from the next height on.

        :param raw: the transaction that holds its signed document
        :param inclusion: where that transaction stands
        :param header: of its block, under the federation before
        :raises UnknownFederation: the block is not under that federation,
            or the document is not its successor
        :raises ForkedChain: a later block under that federation is known
        :raises ProofError: block or place are not proven
        """
        found = self.certify(header, certificate)
        parsed = block.Header.from_bytes(header)
        current = self.trusted.federation
        if parsed.federation != current.digest:
            raise errors.UnknownFederation(
                'the block is not under the newest federation known',
                epoch=current.epoch)
        federation = self._successor(
            current, self._included(found, raw, inclusion))
        head = self.trusted.head
        if head is not None and head.height > found.height:
            later = block.Header.from_bytes(head.header)
            if later.federation == current.digest:
                raise errors.ForkedChain(
                    'a later block under the old federation is known',
                    height=head.height)
        self.trusted = dataclasses.replace(
            self.trusted, epochs=(*self.trusted.epochs, trusted_state.Epoch(
                federation, found.height + 1)))
        return federation

    def _successor(self, current: federation_module.Federation,
                   holder: transaction.Transaction
                   ) -> federation_module.Federation:
        try:
            signed = payload.federation_document_of(holder.content)
            if signed is None:
                raise errors.BadDocument('the transaction holds none')
            return federation_module.check_successor(
                self._h, self._provider, current,
                federation_module.SignedFederation.from_bytes(signed))
        except errors.UnsupportedVersion:
            raise
        except errors.LedgerError as exc:
            raise errors.UnknownFederation(
                f'not the successor of epoch {current.epoch}: '
                f'{exc.message}', reason=exc.code) from exc

    def check_state(self, certified: Certified, key: bytes,
                    value: bytes | None, proof: bytes) -> None:
        """Check what the state holds under a key after a block.

        :param value: None for "nothing"
        :raises BadProof: that is not proven
        """
        state_proof.verify(self._h, certified.state_root, key, value, proof)

    def check_transaction(self, header: bytes, certificate: bytes,
                          raw: bytes, inclusion: answer.InclusionFields
                          ) -> transaction.Transaction:
        """Return a transaction that is proven to stand in a block.

        Its signature is not checked again: the members did.  Whether that
        block is on the chain is another question where the federation has
        changed since: see :meth:`is_of_the_past`.

        :raises ProofError: block or place are not proven
        """
        return self._included(self.certify(header, certificate), raw,
                              inclusion)

    def _included(self, certified: Certified, raw: bytes,
                  inclusion: answer.InclusionFields
                  ) -> transaction.Transaction:
        block.InclusionProof(*inclusion).verify(
            self._h, raw, certified.transactions_root)
        return self._read(raw)

    def _read(self, raw: bytes) -> transaction.Transaction:
        try:
            return transaction.Transaction.from_bytes(self._h, raw)
        except errors.LedgerError as exc:
            raise errors.BadProof(
                f'not a transaction of this chain: {exc.message}',
                reason=exc.code) from exc

    def check_history(self, count_before: int, head_before: bytes,
                      entries: Iterable[answer.HistoryEntry],
                      count: int, head: bytes
                      ) -> list[tuple[int, int, transaction.Transaction]]:
        """Return all transactions of a history since a known point.

        They are proven by the fold alone: the head commits to their ids,
        an id to the content.  Places are what the node says, but they
        ascend.  Signatures are the caller's to check.

        :param count_before: how many were known, with what head
        :param entries: (height, index, raw transaction), ascending
        :param count: how many there are, as the state proves
        :param head: with what head
        :raises HistoryIncomplete: one is missing, added or out of order
        """
        found = []
        place = (-1, -1)
        folded = head_before
        for height, index, raw in entries:
            if (height, index) <= place:
                raise errors.HistoryIncomplete(
                    'the transactions are not in their order',
                    height=height, index=index)
            place = (height, index)
            try:
                one = transaction.Transaction.from_bytes(self._h, raw)
            except errors.LedgerError as exc:
                raise errors.HistoryIncomplete(
                    f'not a transaction: {exc.message}',
                    reason=exc.code) from exc
            folded = state_records.advance(self._h, folded, one.txid)
            found.append((height, index, one))
        if count_before + len(found) != count or folded != head:
            raise errors.HistoryIncomplete(
                'the transactions shown are not all there are',
                expected=count - count_before, shown=len(found))
        return found

    def check_fresh(self, certified: Certified, now_ms: int, bound_ms: int
                    ) -> None:
        """Check that a head is not old.

        :param now_ms: the caller's idea of the time
        :param bound_ms: how far the head's time may lie before it
        :raises StaleHead: it lies further
        """
        age_ms = now_ms - certified.time_ms
        if age_ms > bound_ms:
            raise errors.StaleHead(
                f'the newest head is {age_ms} ms old', age_ms=age_ms,
                bound_ms=bound_ms, height=certified.height)
