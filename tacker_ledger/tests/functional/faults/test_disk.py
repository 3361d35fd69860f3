# SPDX-License-Identifier: Apache-2.0
"""S19: a node whose disk is full reads on, votes no more, and comes back."""

import contextlib
import os
import subprocess

from tacker_ledger.node import query
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation

MIB = 1024 * 1024
#: The mapped array takes 64 of them.
DISK_MIB = 104


class SmallDisk:
    """A tmpfs of its own for one directory."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', f'size={DISK_MIB}m,mode=700',
             'tacker-ledger-test', str(directory)], check=True,
            capture_output=True, text=True)

    @property
    def ballast(self):
        return self.directory / 'ballast'

    def fill(self):
        """Leave no room at all."""
        with open(self.ballast, 'ab', buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))

    def free(self):
        """Give the room back."""
        self.ballast.unlink()

    def close(self):
        subprocess.run(['umount', '-l', str(self.directory)], check=False,
                       capture_output=True)


class TestFullDisk(base.TestCase):
    """Four nodes; the disk of one of them is full for a while."""

    TIMEOUT_SCALE = 4

    def setUp(self):
        super().setUp()
        if os.geteuid():
            self.skip_missing('mount', 'only root may')
        self.members = federation.Federation(4, heartbeat_seconds=0.5,
                                             start=False)
        self.addCleanup(self.members.close)
        try:
            self.disk = SmallDisk(self.members.data(3))
        except (OSError, subprocess.CalledProcessError) as error:
            self.skip_missing('tmpfs', str(error))
        self.addCleanup(self.disk.close)
        self.members.start_all()
        self.author = authors.Author(self.members.h)
        self.readers = {}

    def reader(self, index):
        if index not in self.readers:
            self.readers[index] = query.open_directory(
                str(self.members.data(index)))
        return self.readers[index]

    def commit(self, nodes):
        """Commit one more transaction at some nodes."""
        one = self.author.template()
        result, = self.members.submit(0, one.submission)
        self.assertIsNone(result.code, result)
        for index in nodes:
            self.members.wait_until(
                lambda index=index: self.reader(index).transaction(one.txid),
                60.0, f'node {index} has the transaction')
        return one

    def test_s19_a_full_disk(self):
        """S19: stops voting, reads on, refuses writes, recovers."""
        members = self.members
        before = self.commit(range(4))
        instance = members.status(3)['instance']
        pid = members.pid(3)
        self.disk.fill()
        # the others go on
        more = [self.commit(range(3)) for _ in range(3)]
        members.wait_until(
            lambda: 'storage-failed' in members.status(3)['reason'], 60.0,
            'node 3 has noticed')
        status = members.status(3)
        self.assertFalse(status['voting'])
        self.assertFalse(status['healthy'])
        # it reads on, and refuses what it would have to store
        reader = self.reader(3)
        self.assertEqual(before.transaction.raw,
                         reader.transaction(before.txid)[2])
        refused, = members.submit(3, self.author.template().submission)
        self.assertEqual('storage-failed', refused.code)
        self.assertTrue(members.running(3))
        # with room it comes back, as a new instance of the same process
        self.disk.free()
        members.wait_until(
            lambda: self.is_back(instance), 60.0, 'node 3 is back')
        self.assertEqual(pid, members.pid(3))
        after = self.commit(range(4))
        reader = self.reader(3)
        for one in (before, *more, after):
            self.assertEqual(one.transaction.raw,
                             reader.transaction(one.txid)[2])
        log = members.log(3)
        for said in ('votes no more: storage-failed',
                     'only reads until it takes writes again',
                     'The disk takes writes again'):
            self.assertIn(said, log)
        self.assertEqual(0, members.stop(3))

    def is_back(self, instance):
        try:
            status = self.members.status(3)
        except Exception:  # noqa: BLE001 - between two instances
            return False
        return status['voting'] and status['instance'] != instance

    def test_s19_no_room_at_the_start(self):
        """S19: a node that finds no room says so and ends."""
        self.members.stop(3)
        self.disk.fill()
        process = self.members.spawn(3)
        self.assertEqual(1, process.wait(60))
        self.assertIn('error: storage-failed: ', self.members.log(3))
        self.disk.free()
        self.members.start(3)
        self.commit(range(4))
