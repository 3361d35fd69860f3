# SPDX-License-Identifier: Apache-2.0
"""Tests of the files a member authenticates itself with."""

import asyncio
import shutil

from tacker_ledger.cmd import federation_files
from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger.node import credentials
from tacker_ledger.node import identity
from tacker_ledger.tests.unit.cmd import test_manage_membership
from tacker_ledger.transport import tls


class TestCredentials(test_manage_membership.MembershipCase):

    def setUp(self):
        super().setUp()
        self.own = self.home(1)
        self.conf = conf_module.make_conf(
            ['--config-file', str(self.own / 'tacker-ledger.conf')])
        self.federation = federation_files.read_current(
            self.provider, str(self.genesis)).federation
        self.subject = credentials.Credentials(self.conf,
                                               identity.load(self.conf))

    def key(self, name):
        return tls.key_of_file(str(self.own / name))

    def test_they_are_read_again_when_they_change(self):
        self.subject.load(self.federation)
        self.assertFalse(self.subject.changed())
        self.run_manage('renew', '--directory', self.root)
        self.assertTrue(self.subject.changed())
        self.assertEqual(self.key('node.pem'),
                         self.subject.load(self.federation)[0])
        self.assertFalse(self.subject.changed())

    def test_half_of_a_pair_is_refused(self):
        shutil.copy(self.home(2) / 'node.pem', self.own / 'node.pem')
        self.assertTrue(self.subject.changed())
        self.assertRaises(errors.BadOption, self.subject.load,
                          self.federation)

    def test_the_key_that_the_federation_names(self):
        self.run_manage(
            'member-keys', '--name', 'node-1', '--directory', self.own,
            '--current', self.genesis, '--keys', 'node', '--out',
            self.own / 'node-1.member')
        # without its certificate the new key is of no use yet
        self.assertEqual(self.key('node.pem'),
                         self.subject.load(self.federation)[0])
        self.run_manage('certify', self.own / 'node-1.member', '--genesis',
                        self.genesis, '--ca', self.ca, '--out',
                        self.own / 'node.pem.next')
        self.assertEqual(self.key('node.pem'),
                         self.subject.load(self.federation)[0])
        self.propose('--rotate', self.own / 'node-1.member')
        self.approve(*map(self.home, range(3)))
        self.assertEqual(self.key('node.pem.next'),
                         self.subject.load(self.checked())[0])

    def test_when_they_end(self):
        self.run_manage('renew', '--directory', self.root, '--new-ca',
                        'make', '--days', 5000)
        found = dict(self.subject.ends_ms(self.federation))
        self.assertEqual({'certificate', 'ca'}, set(found))
        # of two authorities the one that ends last counts
        self.assertGreater(found['ca'], found['certificate'] + 86_400_000)


class TestWatch(test_manage_membership.base.TestCase):

    def test_it_goes_on_after_a_fault(self):
        calls = []

        def reload():
            calls.append(len(calls))
            if len(calls) == 1:
                raise errors.BadOption('half-way')

        async def scenario():
            watch = credentials.Watch(lambda: True, reload, 0.01)
            watch.start()
            async with asyncio.timeout(20):
                while len(calls) < 3:
                    await asyncio.sleep(0.005)
            await watch.stop()
            count = len(calls)
            # only when it is told to, where nothing changes
            watch = credentials.Watch(lambda: False, reload, 60)
            watch.start()
            watch.now()
            async with asyncio.timeout(20):
                while len(calls) == count:
                    await asyncio.sleep(0.005)
            await watch.stop()
        asyncio.run(scenario())
        self.assertGreaterEqual(len(calls), 4)
