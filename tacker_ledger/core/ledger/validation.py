# SPDX-License-Identifier: Apache-2.0
"""S0's three checks of a transaction: format, signature, no conflict.

The first two hold wherever the bytes are; the third depends on the state.
A node answers a sender at once from its committed state; what counts in the
end is the block's own order and time (:mod:`.state`).
"""

from collections.abc import Sequence

from tacker_ledger.core.crypto.providers import base as providers_base
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import state as state_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits


def check_transaction(h: hashing.Hasher, provider: providers_base.Provider,
                      raw: bytes) -> transaction_module.Transaction:
    """Return a transaction of right form, hash and signature.

    :param raw: an encoded transaction
    :raises FormatError: its form is wrong
    :raises BadHash: its id is not its hash on this chain
    :raises BadSignature: the sender did not sign it
    """
    transaction = transaction_module.Transaction.from_bytes(h, raw)
    transaction_module.verify_signature(provider, h, transaction)
    return transaction


def check_submission(h: hashing.Hasher, provider: providers_base.Provider,
                     raw: bytes) -> transaction_module.Transaction:
    """Return the transaction of a submission, checked likewise.

    A node that judges the admission reads the submission itself
    (:meth:`.transaction.Submission.from_bytes`) and hands the transaction
    in it to :func:`check_transaction`.

    :param raw: an encoded submission
    :raises LedgerError: as :func:`check_transaction`
    """
    submission = transaction_module.Submission.from_bytes(raw)
    return check_transaction(h, provider, submission.transaction)


def check_signatures(h: hashing.Hasher, provider: providers_base.Provider,
                     transactions: Sequence[transaction_module.Transaction]
                     ) -> None:
    """Check the signatures of a block's transactions.

    :raises BadSignature: one is wrong; the detail ``index`` says which
    """
    for index, transaction in enumerate(transactions):
        try:
            transaction_module.verify_signature(provider, h, transaction)
        except errors.BadSignature as exc:
            exc.details['index'] = index
            raise


def check_against(h: hashing.Hasher, view: state_module.StateView,
                  transaction: transaction_module.Transaction, *,
                  now_ms: int, head_time_ms: int,
                  federation: state_module.FederationTracker | None = None,
                  rules: state_module.TransactionRules = state_module.RULES
                  ) -> None:
    """Say early whether the next block could hold a transaction.

    :param view: the committed state, perhaps with the pool's earlier
        transactions over it
    :param now_ms: the node's clock; a pool takes timestamps a little less
        far in the future than a block does, so that a slower member's
        block can still hold what it takes
    :param head_time_ms: timestamp of the newest block; the next one's is
        above it
    :param federation: judges a federation document
    :raises TimestampFuture: for the pool
    :raises ConflictError: the state does not admit it
    """
    content = transaction.content
    latest_ms = (now_ms + limits.TIMESTAMP_FUTURE_MS - limits.POOL_SKEW_MS)
    if content.timestamp_ms > latest_ms:
        raise errors.TimestampFuture(
            'the timestamp is too far in the future',
            timestamp_ms=content.timestamp_ms, latest_ms=latest_ms)
    rules.check(h, view, transaction, max(now_ms, head_time_ms + 1))
    signed = payload_module.federation_document_of(content)
    if signed is not None:
        if federation is None:
            raise errors.FederationConflict(
                'no federation document can be judged here')
        federation.check(signed)
