# SPDX-License-Identifier: Apache-2.0
"""Handing transactions over, and waiting until they are proven.

No node is believed in this either: that one takes a transaction promises
nothing and that one refuses it is unsigned talk.  Only a certified block
counts.  Sending the same bytes again never does harm.
"""

from collections.abc import Sequence
import time

from tacker_ledger.core.consensus import quorum as quorum_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import asking
from tacker_ledger.tenant_client import ledger as ledger_module

#: How long one node is asked to wait for a block.
_WAIT_SECONDS = 10

#: The node's own trouble: another one may do better.
_OF_THE_NODE = (errors.AdmissionError, errors.UnavailableError,
                errors.ProofError)


class Sender:
    """Writes of one tenant.

    :param commit_timeout_seconds: how long to wait for a block
    """

    def __init__(self, ledger: ledger_module.Ledger,
                 commit_timeout_seconds: float) -> None:
        self._ledger = ledger
        self._commit_timeout_seconds = commit_timeout_seconds

    def submit(self, transactions: Sequence[transaction_module.Transaction]
               ) -> None:
        """Hand transactions over to one node that takes them.

        What the chain holds already counts as taken.

        :param transactions: at most ``limits.BATCH_SUBMIT_MAX_COUNT``
        :raises LedgerError: refused by so many members that one of them is
            honest, or by all that could be reached
        """
        batch = [transaction_module.Submission(item.raw).to_bytes()
                 for item in transactions]
        needed = quorum_module.faults(
            self._ledger.trusted.federation.size) + 1
        refusals: list[errors.LedgerError] = []
        failures: list[tuple[ledger_module.Node, errors.LedgerError]] = []
        for node in self._ledger.client.pool.nodes():
            try:
                self._submit_to(node, batch, transactions)
                return
            except errors.LedgerError as error:
                failures.append((node, error))
                if not isinstance(error, _OF_THE_NODE):
                    refusals.append(error)
                    if len(refusals) >= needed:
                        break
        if refusals:
            raise refusals[0]
        raise asking.failure(failures)

    def _submit_to(self, node: ledger_module.Node, batch: list[bytes],
                   transactions: Sequence[transaction_module.Transaction]
                   ) -> None:
        try:
            reply = self._ledger.client.submit(batch, node=node)
        except errors.Duplicate:
            return
        results = reply.body or ()
        if len(results) != len(transactions):
            raise errors.BadAnswer(f'{node.url} did not say what became of '
                                   'each transaction.')
        for (_txid, code, message), item in zip(results, transactions,
                                                strict=True):
            if code is None or code == errors.Duplicate.code:
                continue
            error = errors.from_dict({'code': code, 'message': message})
            error.details['txid'] = item.txid.hex()
            raise _explained(error, item)

    def wait_for(self, transaction: transaction_module.Transaction
                 ) -> ledger_module.Proven:
        """Return a transaction's proven place when it has one.

        A node that took it may have crashed, so it is handed over again
        when time goes by.

        :raises ConflictError: another transaction was faster
        :raises Timeout: not proven in time; it may still come
        """
        ends = time.monotonic() + self._commit_timeout_seconds
        while True:
            left = ends - time.monotonic()
            proven = self._ledger.transaction(
                transaction.txid,
                max(1, min(_WAIT_SECONDS, int(left))))
            if proven is not None:
                return proven
            if time.monotonic() >= ends:
                raise errors.Timeout(
                    f'{transaction.txid.hex()} was handed over and is not '
                    'proven to be on the chain yet.',
                    txid=transaction.txid.hex())
            self.submit([transaction])


def _explained(error: errors.LedgerError,
               transaction: transaction_module.Transaction
               ) -> errors.LedgerError:
    if isinstance(error, errors.VidConflict):
        content = transaction.content
        error.message = (
            f'Version {content.vid} of {content.cid.hex()} is not the next '
            f'one: somebody else published first. Look at the newest '
            f'version and try again. ({error.message})')
        error.args = (error.message,)
    return error
