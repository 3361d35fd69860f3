# SPDX-License-Identifier: Apache-2.0
"""What only an anchor shows: cuts of sealed ends, and logs made anew."""

import hashlib
import logging

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.securelog.anchor_drivers import base as drivers
from tacker_ledger.securelog import client
from tacker_ledger.securelog import handler as handler_module
from tacker_ledger.securelog import keys
from tacker_ledger.securelog.publisher import searcher
from tacker_ledger.securelog import trusted_keys
from tacker_ledger.securelog.validator import comparator
from tacker_ledger.securelog.validator import log_check
from tacker_ledger.securelog.validator import reader
from tacker_ledger.storage import anchor_models as models
from tacker_ledger.storage import anchor_verdicts
from tacker_ledger.storage import anchors
from tacker_ledger.tests import base

LEASE = ('publisher', 'one')


def root_of(checkpoints) -> bytes:
    """Return what the chain of this test anchors."""
    return hashlib.sha256(b''.join(one.hash for one in checkpoints)).digest()


class Chain:
    """Holds one root per transaction, whatever the database says."""

    is_evidence = True

    def __init__(self):
        self.roots: dict[bytes, bytes] = {}

    def read(self, sent, raw_of):
        """See :class:`drivers.ChainReader`."""
        return drivers.Found(sent.block, sent.height,
                             self.roots[sent.txid])

    def check_root(self, sent, checkpoints):
        """See :class:`drivers.ChainReader`."""
        if root_of(checkpoints) != sent.root:
            raise errors.BadProof('another root')


class LogCase(base.TestCase):
    """A log of several workers, anchored whenever a test says so."""

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.file = self.directory / 'tacker.log'
        self.keys = self.directory / 'keys'
        keys.generate(self.keys, providers.default())
        (self.keys / 'auditor.key').unlink()
        self.database = anchors.Anchors(
            f'sqlite:///{self.directory}/anchors.sqlite')
        self.addCleanup(self.database.close)
        self.database.migrate()
        self.database.beat(*LEASE)
        trusted = trusted_keys.TrustedKeys.load(
            [str(self.keys / 'log-signing.pub')])
        verdicts = anchor_verdicts.Verdicts(self.database)
        self.verdicts = verdicts
        self.chain = Chain()
        self.searcher = searcher.Searcher(
            self.database, [str(self.file)], trusted, lambda: 1, 'host')
        self.reader = reader.Reader(verdicts, {'chain': self.chain},
                                    lambda: 1, None)
        self.comparator = comparator.Comparator(
            self.database, verdicts, [str(self.file)],
            {'chain': self.chain}, log_check.LogCheck(trusted), lambda: 1,
            None)
        self.number = 0
        self.seen = 0

    def worker(self):
        """Start a process that writes the log."""
        made = handler_module.SecureLogHandler(
            self.file, self.keys, checkpoint_lines=10, checkpoint_seconds=0)
        self.addCleanup(made.close)
        return made

    def write(self, worker, count, text='line'):
        """Write lines."""
        for _ in range(count):
            worker.handle(logging.LogRecord(
                'tacker', logging.INFO, __file__, 1, text, (), None))

    def anchor(self) -> None:
        """Search the log and anchor what is due."""
        self.searcher.step()
        due = self.database.due('chain')
        self.number += 1
        txid = hashlib.sha256(b'%d' % self.number).digest()
        sent = self.database.store(anchors.Draft(
            'chain', self.number, root_of(due), [one.id for one in due],
            txid, b'raw'), LEASE, 1)
        self.chain.roots[txid] = sent.root
        self.database.note(sent, LEASE, state=models.FINAL, block=txid,
                           height=self.number)

    def decided(self) -> list[tuple[str, int, int]]:
        """Return (verdict, writer, checkpoint) of what is decided now."""
        self.reader.step()
        self.comparator.step()
        made = self.verdicts.all_messages(self.seen)
        if made:
            self.seen = made[-1][0]
        for _, message in made:
            self.assertNotIn('unreadable', client.to_text(message))
        return [(message['verdict'], message['writer'], message['number'])
                for _, message in made]

    def cut_to(self, path, number: int) -> None:
        """Cut a file behind a checkpoint, so that what is left is whole."""
        lines = path.read_bytes().splitlines(keepends=True)
        end = next(index for index, line in enumerate(lines)
                   if line.startswith(b'checkpoint %d:' % number))
        path.write_bytes(b''.join(lines[:end + 1]))


class TestCutBehindAnAnchor(LogCase):
    def test_an_untouched_log_is_validated_once(self):
        worker = self.worker()
        self.write(worker, 25)
        self.anchor()
        self.assertEqual([('validated', 1, 2)], self.decided())
        self.assertEqual([], self.decided())
        self.write(worker, 10)
        worker.close()
        self.anchor()
        self.assertEqual([('validated', 1, 4)], self.decided())

    def test_a_log_truncated_to_a_checkpoint(self):
        worker = self.worker()
        self.write(worker, 35)
        self.anchor()
        self.assertEqual([('validated', 1, 3)], self.decided())
        self.cut_to(self.file, 2)
        other = self.worker()
        self.write(other, 10)
        self.anchor()
        self.assertIn(('altered', 1, 3), self.decided())

    def test_another_worker_s_file_cut_between_anchors(self):
        first, second = self.worker(), self.worker()
        self.write(first, 25)
        self.write(second, 25)
        self.anchor()
        self.assertEqual([('validated', 1, 2), ('validated', 2, 2)],
                         self.decided())
        self.cut_to(self.directory / 'tacker.log.w1', 1)
        self.write(first, 10)
        # the next anchor holds the first worker's checkpoint alone
        self.anchor()
        decided = self.decided()
        self.assertIn(2, [writer for word, writer, _ in decided
                          if word in ('altered', 'missing')])
        self.assertNotIn(('validated', 2, 2), decided)

    def test_a_whole_worker_s_file_removed_behind_its_anchor(self):
        first, second = self.worker(), self.worker()
        self.write(first, 25)
        self.write(second, 25)
        self.anchor()
        self.decided()
        (self.directory / 'tacker.log.w1').unlink()
        self.write(first, 10)
        self.anchor()
        self.assertIn(2, [writer for word, writer, _ in self.decided()
                          if word in ('altered', 'missing')])

    def test_a_log_made_anew_with_the_stolen_signing_key(self):
        worker = self.worker()
        self.write(worker, 25, 'what happened')
        self.anchor()
        self.decided()
        worker.close()
        for path in self.directory.glob('tacker.log*'):
            path.unlink()
        thief = self.worker()
        self.write(thief, 25, 'nothing happened')
        self.anchor()
        self.assertIn(('missing', 1, 2), self.decided())

    def test_a_log_that_is_gone_is_missed_at_any_other_anchor(self):
        worker = self.worker()
        self.write(worker, 25)
        self.anchor()
        self.decided()
        self.write(worker, 10)
        self.anchor()
        worker.close()
        for path in self.directory.glob('tacker.log*'):
            path.unlink()
        self.assertEqual([('missing', 1, 3)], self.decided())

    def test_rows_changed_in_the_database_validate_nothing(self):
        worker = self.worker()
        self.write(worker, 25)
        self.anchor()
        [sent] = self.database.sent()
        # the chain holds something else than the rows say
        self.chain.roots[sent.txid] = bytes(31) + b'x'
        self.assertEqual([('not-anchored', 1, 2)], self.decided())
