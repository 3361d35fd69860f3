# SPDX-License-Identifier: Apache-2.0
"""A member prunes what an archive holds; clients and audits go on."""

import json
import re

from tacker_ledger.core import errors
from tacker_ledger.node import query
from tacker_ledger.storage import environment
from tacker_ledger.storage import holdings
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation
from tacker_ledger.transport import client


class TestPruning(base.TestCase):
    """Two members; the second one is no archive."""

    TIMEOUT_SCALE = 4

    def setUp(self):
        super().setUp()
        self.members = federation.Federation(2, heartbeat_seconds=0.3)
        self.addCleanup(self.members.close)
        self.author = authors.Author(self.members.h)
        self.written = [self.author.template() for _ in range(8)]
        for one in self.written:
            height = self.members.status(0)['height']
            result, = self.members.submit(0, one.submission)
            self.assertIsNone(result.code, result)
            self.members.wait_height(height + 1)

    def prune(self, before, archive):
        return self.members.manage(
            'chain', 'prune', '--config-file',
            str(self.members.config_file(1)), '--before', str(before),
            '--archive', str(archive), check=False)

    def refused(self, code, *arguments):
        done = self.prune(*arguments)
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertIn(f'error: {code}: ', done.stderr)
        return done.stderr

    def client(self):
        members = self.members
        made = client.LedgerClient(
            [(url, index) for index, url in enumerate(members.urls())],
            members.genesis, ca_pem=members.ca_file.read_text())
        self.addCleanup(made.close)
        return made

    def test_prune_ask_and_audit(self):
        members = self.members
        archive = self.make_directory() / 'archive.chain'
        members.manage('chain', 'export', str(members.data(0)),
                       str(archive))
        before = members.status(1)['height'] - 2
        self.refused('bad-option', before, archive)  # it is an archive
        members.stop(1)
        members.configure(1, {'node': {'archive': 'false'}})
        self.assertIn('not known', self.refused('forbidden', before,
                                                archive))
        members.start_all()
        self.refused('busy', before, archive)
        self.wait_archives(1, [0])
        members.stop(1)
        self.refused('bad-option', 10 ** 6, archive)
        damaged = self.make_directory() / 'damaged.chain'
        data = bytearray(archive.read_bytes())
        data[len(data) // 2] ^= 1
        damaged.write_bytes(data)
        self.assertEqual(1, self.prune(before, damaged).returncode)
        self.assertEqual(0, self.check(1).returncode)
        done = self.prune(before, archive)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('SHA-256', done.stdout)
        self.assertIn(f'Bodies below height {before} are not held',
                      self.check(1).stdout)
        self.verify(before)
        members.start_all()
        self.wait_archives(1, [0])
        self.ask(before)
        # who pruned is no archive to the other
        self.wait_archives(0, [])

    def wait_archives(self, index, expected):
        """Wait until a node has noted who is an archive."""
        with environment.Environment(self.members.data(index),
                                     readonly=True) as env:
            def noted():
                with env.read() as txn:
                    known = holdings.read(env, txn)
                return known is not None and (
                    list(known.archives) == expected)
            self.members.wait_until(noted, 60.0, f'archives {expected}')

    def check(self, index):
        return self.members.manage('chain', 'check',
                                   str(self.members.data(index)),
                                   check=False)

    def verify(self, before):
        """Audits of the pruned chain say what they prove."""
        members = self.members
        pruned = self.make_directory() / 'pruned.chain'
        members.manage('chain', 'export', str(members.data(1)), str(pruned))
        for source in (pruned, members.data(1)):
            done = members.manage('chain', 'verify', str(source), '--json')
            found = json.loads(done.stdout)
            self.assertFalse(found['complete'])
            self.assertLessEqual(found['bodies_from'], before)
            self.assertLess(found['transactions'], len(self.written))
        text = members.manage('chain', 'verify', str(pruned)).stdout
        self.assertTrue(re.search('not completely: all headers and '
                                  r'certificates; bodies .* from height \d+',
                                  text), text)

    def ask(self, before):
        """Clients follow from the pruned member to the archive."""
        members = self.members
        ledger = self.client()
        nodes = {node.member: node for node in ledger.pool.nodes()}
        one = self.written[0]
        error = self.assertRaises(errors.Pruned, ledger.transaction,
                                  one.txid, node=nodes[1])
        self.assertEqual(before, error.details['first_body'])
        self.assertEqual([{'name': members.genesis.members[0].name,
                           'url': members.url(0)}],
                         error.details['archives'])
        self.assertIn(members.url(0), error.message)
        for _ in range(4):  # whoever is asked first
            reply = self.client().transaction(one.txid)
            self.assertEqual(0, reply.node.member)
            self.assertEqual(one.transaction.raw, reply.body[2])
        # what is new is at both
        new = self.author.template()
        result, = members.submit(1, new.submission)
        self.assertIsNone(result.code, result)
        reader = query.open_directory(str(members.data(1)))
        members.wait_until(lambda: reader.transaction(new.txid), 60.0,
                           'the pruned member stores what is new')
