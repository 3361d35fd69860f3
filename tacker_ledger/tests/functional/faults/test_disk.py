# SPDX-License-Identifier: Apache-2.0
"""S19: a node whose disk is full reads on, votes no more, and comes back."""

import os
import subprocess

from tacker_ledger.node import query
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional.faults import devices
from tacker_ledger.tests.functional import federation

#: The mapped array takes 64 of them.
DISK_MIB = 104


class DiskCase(base.TestCase):
    """Four nodes; one of them has a disk of its own."""

    TIMEOUT_SCALE = 4

    def setUp(self):
        super().setUp()
        if os.geteuid():
            self.skip_missing('mount', 'only root may')
        self.members = federation.Federation(4, heartbeat_seconds=0.5,
                                             start=False)
        self.addCleanup(self.members.close)
        try:
            self.disk = self.make_disk(self.members.data(3))
        except (OSError, subprocess.CalledProcessError) as error:
            self.skip_missing(self.PART, str(error))
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

    def reads_only(self, known):
        """Node 3 has noticed: it votes no more, and reads on."""
        members = self.members
        members.wait_until(
            lambda: 'storage-failed' in members.status(3)['reason'], 60.0,
            'node 3 has noticed')
        status = members.status(3)
        self.assertFalse(status['voting'])
        self.assertFalse(status['healthy'])
        # it reads on, and refuses what it would have to store
        self.assertEqual(known.transaction.raw,
                         self.reader(3).transaction(known.txid)[2])
        refused, = members.submit(3, self.author.template().submission)
        self.assertEqual('storage-failed', refused.code)
        self.assertTrue(members.running(3))

    def comes_back(self, instance, pid, known):
        """Node 3 is whole again, as a new instance of the same process."""
        members = self.members
        members.wait_until(
            lambda: self.is_back(instance), 60.0, 'node 3 is back')
        self.assertEqual(pid, members.pid(3))
        after = self.commit(range(4))
        reader = self.reader(3)
        for one in (*known, after):
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


class TestFullDisk(DiskCase):
    """The disk of one of them is full for a while."""

    PART = 'tmpfs'

    def make_disk(self, directory):
        return devices.SmallDisk(directory, DISK_MIB)

    def test_s19_a_full_disk(self):
        """S19: stops voting, reads on, refuses writes, recovers."""
        members = self.members
        before = self.commit(range(4))
        instance = members.status(3)['instance']
        pid = members.pid(3)
        self.disk.fill()
        # the others go on
        more = [self.commit(range(3)) for _ in range(3)]
        self.reads_only(before)
        self.disk.free()
        self.comes_back(instance, pid, (before, *more))

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


class TestFailingDevice(DiskCase):
    """The device below one of them loses what it was given."""

    PART = 'loop device'

    def make_disk(self, directory):
        return devices.FailingDevice(directory)

    def test_s19_an_fsync_that_fails(self):
        """S19: it trusts no page of its cache, and recovers."""
        members = self.members
        before = self.commit(range(4))
        instance = members.status(3)['instance']
        pid = members.pid(3)
        self.disk.fail()
        more = []

        def noticed():
            # until its files need blocks they never had
            more.append(self.commit(range(3)))
            return not members.status(3)['voting']
        members.wait_until(noticed, 60.0, 'node 3 votes no more')
        self.reads_only(before)
        more.append(self.commit(range(3)))
        self.disk.mend()
        self.comes_back(instance, pid, (before, *more))
        # what it has now is on the device, not in the cache alone
        result = members.manage('chain', 'verify', str(members.data(3)),
                                '--federation', str(members.genesis_file))
        self.assertIn(' transactions', result.stdout)
