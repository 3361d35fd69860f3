# SPDX-License-Identifier: Apache-2.0
"""S18: a node with a damaged store mends it with its neighbours' help."""

import os
import subprocess
import sys

from tacker_ledger.node import query
from tacker_ledger.storage import environment
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation


class TestDamage(base.TestCase):
    """Four nodes; the store of the last one is damaged while it is off."""

    TIMEOUT_SCALE = 4

    def setUp(self):
        super().setUp()
        self.members = federation.Federation(4, heartbeat_seconds=0.5)
        self.addCleanup(self.members.close)
        self.author = authors.Author(self.members.h)
        self.written = []
        for _ in range(5):
            self.commit()
        self.members.stop(3)

    def commit(self):
        one = self.author.template()
        height = self.members.status(0)['height']
        result, = self.members.submit(0, one.submission)
        self.assertIsNone(result.code, result)
        self.members.wait_height(height + 1)
        self.written.append(one)

    @property
    def data(self):
        return self.members.data(3) / environment.DIRECTORY / 'data.mdb'

    def assert_comes_back(self):
        """It serves all there is, observes, and then votes again."""
        self.members.start(3)
        self.members.wait_until(
            lambda: self.members.status(3)['voting'], 90.0,
            'node 3 votes again')
        self.commit()
        self.members.stop(3)
        reader = query.open_directory(str(self.members.data(3)))
        for one in self.written:
            self.assertEqual(one.transaction.raw,
                             reader.transaction(one.txid)[2])
        done = self.members.manage('chain', 'verify',
                                   str(self.members.data(0)), '--json')
        self.assertIn('"ok": true', done.stdout)

    def damage(self, code):
        """Change the store in a process of its own."""
        subprocess.run(
            [sys.executable, '-c', 'import sys\n'
             'from tacker_ledger.storage import environment\n'
             'env = environment.Environment(sys.argv[1])\n' + code,
             str(self.members.data(3))], cwd=base.CHECKOUT, check=True)

    def test_s18_a_lost_body_of_the_tail(self):
        """S18: rebuilt from sound blocks, the rest from neighbours."""
        self.damage(
            'with env.write() as txn:\n'
            '    key = environment.last_key(txn, env.bodies)\n'
            '    environment.delete(txn, env.bodies, key)\n')
        self.assert_comes_back()
        log = self.members.log(3)
        self.assertIn('built anew from its sound blocks', log)
        self.assertIn('observes', log)

    def test_s18_a_truncated_database(self):
        """S18: half of the file is gone; the chain was short."""
        os.truncate(self.data, self.data.stat().st_size // 2)
        self.assert_comes_back()

    def test_s18_damaged_state_is_replayed_without_doubt(self):
        """S18: no block and no vote is lost, so it votes at once."""
        self.damage(
            'with env.write() as txn:\n'
            '    key, value = environment.last(txn, env.state)\n'
            '    environment.put(txn, env.state, key, value + b"x")\n'
            '    environment.put(txn, env.meta, b"state-map-clean", b"0")\n')
        self.assert_comes_back()
        self.assertNotIn('In doubt', self.members.log(3))

    def test_s18_a_damaged_array_is_noticed_by_the_running_node(self):
        """S18: a certified block that it refuses shows its own damage."""
        path = self.members.data(3) / 'state.map'
        with open(path, 'r+b') as file:
            # inner nodes, not the root that the start compares
            for at in range(64, 1 << 16, 32):
                node = os.pread(file.fileno(), 32, at)
                if node != bytes(32):
                    os.pwrite(file.fileno(), bytes(31) + b'\1', at)
        self.members.start(3)
        for one in [self.author.template() for _ in range(3)]:
            result, = self.members.submit(0, one.submission)
            self.assertIsNone(result.code, result)
            self.written.append(one)
        self.members.wait_until(
            lambda: 'starts over and looks' in self.members.log(3), 90.0,
            'node 3 has noticed')
        self.assert_ends_up_voting()
        self.members.stop(3)
        self.assert_comes_back()

    def assert_ends_up_voting(self):
        def at_work():
            try:
                status = self.members.status(3)
            except Exception:  # noqa: BLE001 - between two instances
                return False
            return status['voting'] and status['height'] >= (
                self.members.status(0)['height'] - 1)
        self.members.wait_until(at_work, 90.0, 'node 3 is at work')
