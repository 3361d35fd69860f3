# SPDX-License-Identifier: Apache-2.0
"""Checkpoints anchored on the ledger: no Bitcoin node anywhere."""

from tacker_ledger.tests import base
from tacker_ledger.tests.functional import federation
from tacker_ledger.tests.functional.securelog import services


class TestLedgerAnchors(base.TestCase):
    TIMEOUT_SCALE = 4

    def setUp(self):
        super().setUp()
        self.nodes = federation.Federation(1, heartbeat_seconds=0.5)
        self.addCleanup(self.nodes.close)
        self.services = services.Services(self)
        self.services.groups['publisher']['drivers'] = 'ledger'
        self.services.groups['validator']['drivers'] = 'ledger'
        self.services.groups['anchor_ledger'] = {
            'nodes': f'{self.nodes.url(0)}#0',
            'federation_document': self.nodes.genesis_file,
            'ca_file': self.nodes.ca_file,
            'key_directory': self.services.directory / 'anchor-key',
            'state_file': self.services.directory / 'trusted'}

    def test_a_checkpoint_is_anchored_and_validated(self):
        self.services.log.write(25)
        self.services.start('publisher')
        self.services.start('validator', anchor_ledger={
            'state_file': self.services.directory / 'trusted-2'})
        [message], status = self.services.watch(1)
        self.assertEqual(('validated', 2, 'ledger', True, 0), (
            message['verdict'], message['number'], message['driver'],
            message['evidence'], status))
        self.services.log.write(10)
        [message], status = self.services.watch(1)
        self.assertEqual(('validated', 3), (message['verdict'],
                                            message['number']))
        [first, second] = self.services.database.sent(driver='ledger')
        self.assertEqual(['final', 'final'], [first.state, second.state])

    def test_an_edit_is_located_by_the_next_anchor(self):
        log = self.services.log
        log.write(35)
        self.services.start('publisher')
        self.services.start('validator', anchor_ledger={
            'state_file': self.services.directory / 'trusted-2'})
        self.assertEqual(0, self.services.watch(1)[1])
        content = log.file.read_bytes()
        self.assertIn(b'line 14', content)
        log.file.write_bytes(content.replace(b'line 14', b'line 41', 1))
        log.open()
        log.write(10)
        client = self.services.start('watch', '--count', '1',
                                     '--timeout-seconds', '30')
        printed, status = client.output()
        self.assertEqual(3, status)
        self.assertIn('the log was altered between checkpoint 1 and '
                      'checkpoint 2 at line 17 of', printed)
