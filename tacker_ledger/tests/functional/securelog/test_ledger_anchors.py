# SPDX-License-Identifier: Apache-2.0
"""Checkpoints anchored on the ledger: no Bitcoin node anywhere."""

import time

from tacker_ledger.tests import base
from tacker_ledger.tests.functional import federation
from tacker_ledger.tests.functional.securelog import services


class LedgerCase(base.TestCase):
    """A ledger of one member, and services that anchor there."""

    TIMEOUT_SCALE = 4
    DATABASE = 'sqlite'

    def setUp(self):
        super().setUp()
        self.nodes = federation.Federation(1, heartbeat_seconds=0.5)
        self.addCleanup(self.nodes.close)
        self.services = services.Services(self, self.DATABASE)
        self.log = self.services.log
        self.services.groups['publisher']['drivers'] = 'ledger'
        self.services.groups['validator']['drivers'] = 'ledger'
        self.services.groups['anchor_ledger'] = {
            'nodes': f'{self.nodes.url(0)}#0',
            'federation_document': self.nodes.genesis_file,
            'ca_file': self.nodes.ca_file,
            'key_directory': self.services.directory / 'anchor-key'}

    def wait_verdicts(self, count: int) -> list[dict]:
        """Return the verdicts as soon as there are so many."""
        return self.services.wait(f'{count} verdicts', lambda: (
            found if len(found := self.services.messages()) >= count
            else None))


class TestVerdicts(LedgerCase):
    def test_a_checkpoint_is_anchored_and_validated(self):
        self.log.write(25)
        self.services.start('publisher')
        self.services.start('validator')
        [message], status = self.services.watch(1)
        self.assertEqual(('validated', 2, 'ledger', True, 0), (
            message['verdict'], message['number'], message['driver'],
            message['evidence'], status))
        self.log.write(10)
        [message], status = self.services.watch(1)
        self.assertEqual(('validated', 3), (message['verdict'],
                                            message['number']))
        [first, second] = self.services.database.sent(driver='ledger')
        self.assertEqual(['final', 'final'], [first.state, second.state])

    def test_an_edit_is_located_by_the_next_anchor(self):
        self.log.write(35)
        self.services.start('publisher')
        self.services.start('validator')
        self.assertEqual(0, self.services.watch(1)[1])
        content = self.log.file.read_bytes()
        self.assertIn(b'line 14', content)
        self.log.file.write_bytes(content.replace(b'line 14', b'line 41', 1))
        self.log.open()
        self.log.write(10)
        client = self.services.start('watch', '--count', '1',
                                     '--timeout-seconds', '30')
        printed, status = client.output()
        self.assertEqual(3, status)
        self.assertIn('the log was altered between checkpoint 1 and '
                      'checkpoint 2 at line 17 of', printed)

    def test_a_cut_behind_an_anchored_checkpoint_is_missed(self):
        self.log.write(35)
        self.services.start('publisher')
        self.services.start('validator')
        self.assertEqual(0, self.services.watch(1)[1])
        # back to checkpoint 2, so that what is left is whole
        lines = self.log.file.read_bytes().splitlines(keepends=True)
        end = next(index for index, line in enumerate(lines)
                   if line.startswith(b'checkpoint 2:'))
        self.log.file.write_bytes(b''.join(lines[:end + 1]))
        self.log.open()
        self.log.write(10)
        [message, *_], status = self.services.watch(2)
        self.assertEqual((1, 3), (message['writer'], message['number']))
        self.assertIn(message['verdict'], ('missing', 'altered'))
        self.assertIn(status, (3, 4))


class TestStages(LedgerCase):
    def test_each_service_stops_in_turn_while_messages_wait(self):
        # all have run once, so the queues are there
        self.log.write(10)
        publisher = self.services.start('publisher')
        validator = self.services.start('validator')
        self.assertEqual(0, self.services.watch(1)[1])
        self.assertEqual(0, validator.stop())
        self.log.write(10)
        self.services.wait('the message of an anchor', lambda: (
            self.services.waiting('transactions')))
        self.assertEqual(0, publisher.stop())
        validator = self.services.start('validator')
        self.services.wait('the message of a verdict', lambda: (
            self.services.waiting('validation_messages')))
        self.assertEqual(0, validator.stop())
        [message], status = self.services.watch(1)
        self.assertEqual((2, 0), (message['number'], status))
        # a restart of all decides and sends nothing anew
        before = self.services.messages(), self.services.database.sent()
        self.services.start('publisher')
        self.services.start('validator')
        time.sleep(3)
        self.assertEqual(before, (self.services.messages(),
                                  self.services.database.sent()))
        self.assertEqual(0, self.services.waiting('validation_messages'))
        self.assertEqual(0, self.services.waiting('transactions'))

    def test_what_nobody_listened_to_is_told_later(self):
        self.log.write(10)
        publisher = self.services.start('publisher')
        self.services.wait('an anchor', lambda: (
            self.services.database.sent(states=('final',))))
        publisher.stop()
        validator = self.services.start('validator')
        self.wait_verdicts(1)
        validator.kill()
        self.services.start('validator')
        [message], _ = self.services.watch(1)
        self.assertEqual(1, message['number'])


class TestKills(LedgerCase):
    DATABASE = 'mariadb'

    def test_killed_publishers_and_validators_lose_and_repeat_nothing(self):
        validator = self.services.start('validator')
        for round_number in range(4):
            self.log.write(10)
            publisher = self.services.start('publisher')
            time.sleep(1.5 + round_number * 0.4)
            publisher.kill()
            if round_number % 2:
                validator.kill()
                validator = self.services.start('validator')
        self.log.close()
        self.services.start('publisher')
        self.services.wait('the last checkpoint', lambda: any(
            message['number'] == 5 for message in self.services.messages()))
        self.assert_once()

    def test_two_publishers_on_one_outbox(self):
        self.log.write(10)
        first = self.services.start('publisher', name='publisher-1')
        self.services.wait('an anchor', lambda: (
            self.services.database.sent(states=('final',))))
        self.services.start('publisher', name='publisher-2')
        self.services.start('validator')
        for _ in range(3):
            self.log.write(10)
            time.sleep(1)
        first.kill()
        self.log.write(10)
        self.services.wait('the last checkpoint', lambda: any(
            message['number'] == 5 for message in self.services.messages()))
        self.assert_once()

    def assert_once(self):
        """Every checkpoint is under one anchor, every verdict is one."""
        database = self.services.database
        places = [(one.writer, one.sequence)
                  for sent in database.sent()
                  for one in database.checkpoints(sent.anchor_id)]
        self.assertEqual(len(places), len(set(places)))
        self.assertEqual([], database.due('ledger'))
        txids = [message['txid'] for message in self.services.messages()]
        self.assertEqual(len(txids), len(set(txids)))
        self.assertEqual({'validated'}, {
            message['verdict'] for message in self.services.messages()})


class TestRemote(LedgerCase):
    def test_another_host_sends_its_checkpoints(self):
        other = services.Log(self.services.directory, 'other.log')
        self.addCleanup(other.close)
        other.write(10)
        self.services.start('publisher', publisher={
            'take_remote': True, 'log_files': '',
            'log_key_files': other.public_key})
        sender = self.services.start(
            'publisher', name='remote', publisher={
                'send_remote': True, 'log_files': other.file,
                'log_key_files': other.public_key},
            database={'connection':
                      f'sqlite:///{self.services.directory}/remote.sqlite'})
        [sent] = self.services.wait('an anchor', lambda: (
            self.services.database.sent(states=('final',))))
        [checkpoint] = self.services.database.checkpoints(sent.anchor_id)
        self.assertEqual((1, ''), (checkpoint.number, checkpoint.path))
        sender.kill()
        self.services.start('validator', validator={
            'log_files': other.file, 'log_key_files': other.public_key})
        [message], status = self.services.watch(1)
        self.assertEqual(('validated', 0), (message['verdict'], status))

    def test_a_stranger_s_checkpoint_is_not_taken(self):
        other = services.Log(self.services.directory, 'other.log')
        self.addCleanup(other.close)
        other.write(10)
        self.services.start('publisher', publisher={'take_remote': True})
        sender = self.services.start(
            'publisher', name='remote', publisher={
                'send_remote': True, 'log_files': other.file,
                'log_key_files': other.public_key},
            database={'connection':
                      f'sqlite:///{self.services.directory}/remote.sqlite'})
        self.services.wait('the refusal', lambda: (
            'signed by no key' in (self.services.directory /
                                   'publisher.out').read_text()))
        sender.stop()
        self.assertEqual([], self.services.database.due('ledger'))
        self.assertEqual([], self.services.database.sent())
