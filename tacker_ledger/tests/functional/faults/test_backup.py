# SPDX-License-Identifier: Apache-2.0
"""S17: a member restored from a backup observes, says why, comes back."""

import shutil

from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import copies
from tacker_ledger.tests.functional import federation


class TestBackup(base.TestCase):

    TIMEOUT_SCALE = 4

    def setUp(self):
        super().setUp()
        self.members = federation.Federation(
            4, heartbeat_seconds=0.5, init=('--suite', 'ed25519'))
        self.addCleanup(self.members.close)
        self.author = authors.Author(self.members.h)
        self.output = self.members.directory / 'backup.tar'

    def manage(self, command, *arguments, check=True):
        return self.members.manage(
            command, '--config-file', str(self.members.config_file(3)),
            *arguments, check=check)

    def commit(self):
        before = self.members.status(0)['height']
        written = self.author.template()
        self.members.submit(0, written.submission)
        self.members.wait_height(before + 1)
        return written

    def test_s17_restored_from_a_backup(self):
        members = self.members
        with copies.Witness(members) as witness:
            self.commit()
            # while it runs and blocks come
            said = self.manage('backup', '--output', str(self.output)).stdout
            at = int(said.partition('at height ')[2].split()[0])
            # never over a living one
            refused = self.manage('restore', '--from', str(self.output),
                                  check=False)
            self.assertEqual(1, refused.returncode)
            self.assertTrue(refused.stderr.startswith('error: busy: '),
                            refused.stderr)
            self.commit()
            members.wait_height(at + 3)
            members.kill(3)
            shutil.rmtree(members.data(3))
            said = self.manage('restore', '--from', str(self.output)).stdout
            self.assertIn(f'to height {at}', said)
            voted = witness.voted(3)
            members.start(3)
            status = members.status(3)
            if not status['voting']:  # on a slow machine it is over by now
                self.assertIn('restored from a backup', status['not_voting'])
            members.wait_until(lambda: members.status(3)['voting'],
                               federation.START_SECONDS, 'node 3 votes')
            log = members.log(3)
            self.assertIn(f'restored from a backup of height {at}', log)
            self.assertIn('Doubt ends at height', log)
            members.wait_until(lambda: witness.voted(3) > voted + 1,
                               what='node 3 votes again')
            self.assertEqual('', members.status(3)['doubt'])
            # and a restart finds nothing to doubt
            members.stop(3)
            begins = log.count('In doubt')
            members.start(3)
            self.assertEqual(begins, members.log(3).count('In doubt'))
        witness.assert_no_second_vote()
