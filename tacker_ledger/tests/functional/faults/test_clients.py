# SPDX-License-Identifier: Apache-2.0
"""Clients of members that are cut off, stand still, die or lie (S24).

What lying answers look like, byte class by byte class, is the matter of
``test_flipped_answers``; here are the members themselves.
"""

import concurrent.futures
import subprocess
import sys

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional.faults import case
from tacker_ledger.tests.functional.faults import lies
from tacker_ledger.tests.functional.faults import namespaces
from tacker_ledger.transport import client as client_module

_DOOR = 'tacker_ledger.tests.functional.byzantine_door'
_DOOR_PORT = 9990


class TestClients(case.FaultsCase):

    def client(self, nodes=None, **more) -> client_module.LedgerClient:
        """Return a client that sits in the client's namespace."""
        made = client_module.LedgerClient(
            [(url, index) for index, url in enumerate(self.members.urls())]
            if nodes is None else nodes, self.members.genesis,
            ca_pem=self.members.ca_file.read_text(), **more)
        self.addCleanup(made.close)
        return made

    def judge(self) -> light_client.LightClient:
        provider = providers.default()
        return light_client.LightClient(
            provider, trusted_state.TrustedState.bootstrap(
                provider, self.members.genesis.chain_id,
                self.members.genesis_file.read_bytes()))

    def test_s24_resubmission_commits_once(self):
        """S24: handed to all members again and again, one of them dying."""
        author = authors.Author(self.h)
        written = [author.template() for _ in range(10)]
        batch = [one.submission for one in written]
        leader = self.leader()

        def hand(index: int) -> set[str | None]:
            codes = set()
            with self.members.at_client():
                asked = self.client(timeout_seconds=5.0)
                node = next(node for node in asked.pool.nodes()
                            if node.member == index)
                for _ in range(5):
                    try:
                        codes |= {code for _id, code, _text in asked.submit(
                            batch, node=node).body}
                    except errors.LedgerError as error:
                        codes.add(error.code)
            return codes

        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            handing = [threads.submit(hand, index) for index in range(4)]
            self.members.kill(leader)
            codes = set().union(*(one.result(120) for one in handing))
        self.assertIn(None, codes)
        self.assertIn('duplicate', codes)
        self.members.wait_committed([one.txid for one in written])
        self.members.start(leader)
        self.accepted.update(one.txid for one in written)
        with self.members.at_client():
            asked, light = self.client(), self.judge()
            for one in written:
                reply = asked.transaction(one.txid, wait_seconds=10)
                self.assertIsNotNone(reply.body)
            light.accept_head(*asked.head().body)
        # the oracle counts each of them on every chain
        self.assert_progress()

    def test_s24_stale_member(self):
        """S24: cut off from the others, it shows an old head."""
        self.assert_progress()
        stale = next(index for index in range(4) if index != self.leader())
        others = [index for index in range(4) if index != stale]
        self.members.network.partition([stale], others)
        self.assert_progress(others)
        with self.members.at_client():
            light = self.judge()
            by_member = {node.member: node
                         for node in self.client().pool.nodes()}
            asked = self.client()
            light.accept_head(*asked.head(node=by_member[others[0]]).body)
            old = asked.head(node=by_member[stale]).body
            self.assertRaises(errors.HeadRollback, light.accept_head, *old)
        self.members.network.heal()
        self.members.wait_voting()
        self.assert_progress()

    def test_s24_withholding_member(self):
        """S24: it takes the question and never answers: another does."""
        silent = next(index for index in range(4) if index != self.leader())
        self.members.pause(silent)
        urls = self.members.urls()
        order = [silent, *(index for index in range(4) if index != silent)]
        with self.members.at_client():
            asked = self.client([(urls[index], index) for index in order],
                                timeout_seconds=2.0)
            for _ in range(4):
                self.assertNotEqual(silent, asked.head().node.member)
            one = authors.Author(self.h).template()
            result, = asked.submit([one.submission]).body
            self.assertIsNone(result[1])
        self.accepted.add(one.txid)
        self.members.resume(silent)
        self.members.wait_committed([one.txid])

    def test_s24_lying_member(self):
        """S24: its door lies with its own keys; nothing of it is believed.
        """
        self.assert_progress()
        liar = next(index for index in range(4) if index != self.leader())
        honest = next(index for index in range(4) if index != liar)
        address = f'{self.members.network.host(liar)}:{_DOOR_PORT}'
        path = self.members.network.path(liar)
        door = subprocess.Popen(
            ['ip', 'netns', 'exec', path.name, sys.executable, '-m', _DOOR,
             str(self.members.home(liar)), self.members.url(honest), address,
             str(liar)], cwd=base.CHECKOUT, text=True,
            env=namespaces.environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(door.wait, 20)
        self.addCleanup(door.stdin.close)
        self.assertEqual('honest', door.stdout.readline().strip())
        with self.members.at_client():
            light = self.judge()
            asked = self.client([(f'https://{address}', liar)])
            light.accept_head(*asked.head().body)
            for mode in ('head-height', 'forged-block', 'state-root',
                         'head-time', 'certificate', 'signature'):
                door.stdin.write(mode + '\n')
                door.stdin.flush()
                self.assertEqual(mode, door.stdout.readline().strip())
                self.assertRaises(
                    errors.LedgerError,
                    lambda: light.accept_head(*asked.head().body))
            light.accept_head(*self.client().head().body)

    def test_s10_bad_certificates_at_a_client(self):
        """S10: a client refuses what members refuse."""
        self.assert_progress()
        with self.members.at_client():
            header, certificate = self.client().head().body
        for kind in lies.CERTIFICATES:
            self.assertRaises(
                errors.BadCertificate, self.judge().accept_head, header,
                lies.bad_certificate(kind, certificate,
                                     self.members.genesis.quorum))
        self.judge().accept_head(header, certificate)
