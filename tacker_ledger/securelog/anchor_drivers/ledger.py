# SPDX-License-Identifier: Apache-2.0
"""Anchors checkpoints on the ledger: one transaction each, free and fast.

All checkpoints of a publisher stand in one CID, so its history lists them;
a block there is final at once.
"""

from collections.abc import Callable
from collections.abc import Sequence
import secrets
import time
from typing import Any

from oslo_log import log as logging

from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload_public
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core.securelog import leaf
from tacker_ledger.keystore import file as file_keystore
from tacker_ledger.securelog.anchor_drivers import base
from tacker_ledger.securelog import ledger_link
from tacker_ledger.securelog import segments
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import anchors

LOG = logging.getLogger(__name__)

KEY_NAME = 'log-anchor'
_SUITE = 2


class LedgerDriver:
    """See :class:`base.Driver`.

    :param conf: with ``[publisher]`` and ``[anchor_ledger]``
    :param clock: ms since 1970
    """

    name = 'ledger'

    def __init__(self, conf: Any, clock: Callable[[], int] =
                 lambda: time.time_ns() // 1_000_000) -> None:
        self.interval_seconds = float(conf.publisher.ledger_interval_seconds)
        self._clock = clock
        self._pair = _key(conf.anchor_ledger.key_directory)
        self._link = ledger_link.LedgerLink(conf.anchor_ledger)
        LOG.info('Checkpoints are recorded under the key id %s',
                 self._pair.document.key_id.hex())

    @staticmethod
    def reader(conf: Any) -> base.ChainReader:
        """Return what reads these anchors for the validator."""
        return LedgerReader(conf)

    def drafts(self, due: Sequence[anchors.Checkpoint], number: int,
               previous: anchors.Sent | None) -> list[anchors.Draft]:
        """See :meth:`base.Driver.drafts`."""
        cid, vid = None, 0
        if previous is not None:
            last = transaction_module.Transaction.from_bytes(
                self._link.h, previous.raw)
            if last.sender.key_id == self._pair.document.key_id:
                cid, vid = last.content.cid, last.content.vid
        drafts = []
        for index, one in enumerate(due):
            vid += 1
            made = authoring.author_public(
                self._link.h, self._pair, vid=vid, cid=cid,
                payload=payload_public.LogCheckpoint(one.log_id, one.record),
                timestamp_ms=self._clock(), nonce=secrets.token_bytes(16))
            cid = made.content.cid
            drafts.append(anchors.Draft(
                self.name, number + index, one.hash, (one.id,), made.txid,
                made.raw))
        return drafts

    def send(self, sent: anchors.Sent) -> None:
        """See :meth:`base.Driver.send`."""
        self._link.submit(sent.raw)

    def look(self, sent: anchors.Sent) -> base.Status:
        """See :meth:`base.Driver.look`."""
        try:
            _, block = self._link.transaction(sent.txid)
        except errors.NotFound:
            return base.Status('')
        return base.Status(models.FINAL, block.header_digest, block.height,
                           1)

    def replacement(self, sent: anchors.Sent, now_ms: int) -> None:
        """See :meth:`base.Driver.replacement`; nothing is paid here."""

    def provide(self, sent: anchors.Sent,
                checkpoints: Sequence[anchors.Checkpoint]) -> None:
        """See :meth:`base.Driver.provide`: every node proves it."""


class LedgerReader:
    """Reads checkpoints from the ledger; see :class:`base.ChainReader`."""

    is_evidence = True

    def __init__(self, conf: Any) -> None:
        self._link = ledger_link.LedgerLink(conf.anchor_ledger)

    def read(self, sent: anchors.Sent, raw_of: base.RawOf
             ) -> base.Found | None:
        """See :meth:`base.ChainReader.read`."""
        try:
            found, block = self._link.transaction(sent.txid)
        except errors.NotFound:
            return None
        try:
            payload = authoring.open_public(found)
            if not isinstance(payload, payload_public.LogCheckpoint):
                raise errors.WrongPayload('no checkpoint of a log')
            record = segments.parse_record(payload.record)
        except errors.LedgerError as error:
            return base.Found(block.header_digest, block.height, None,
                              error.code)
        return base.Found(
            block.header_digest, block.height, leaf.checkpoint_hash(
                record.log_id, record.writer, segments.sequence_of(record),
                payload.record))

    def check_root(self, sent: anchors.Sent,
                   checkpoints: Sequence[anchors.Checkpoint]) -> None:
        """See :meth:`base.ChainReader.check_root`."""
        if [one.hash for one in checkpoints] != [sent.root]:
            raise errors.BadProof('The ledger holds another checkpoint',
                                  anchor=sent.number)


def _key(directory: str) -> suite_module.KeyPair:
    """Return the publisher's key, made where there is none."""
    if not directory:
        raise errors.BadOption('Option key_directory in [anchor_ledger] is '
                               'required.', option='key_directory',
                               group='anchor_ledger')
    store = file_keystore.FileKeystore(directory)
    if KEY_NAME not in store.names():
        return store.generate(KEY_NAME, _SUITE)
    return store.pair(KEY_NAME)
