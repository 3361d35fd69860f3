# SPDX-License-Identifier: Apache-2.0
"""Two more API processes on one node, one of them killed."""

import asyncio
import concurrent.futures
import signal
import ssl
import subprocess
import sys
import threading
import time

from tacker_ledger.core import errors
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import doors
from tacker_ledger.tests.functional import federation
from tacker_ledger.tests.functional import test_door

#: Where ports of the second and third process start, after those of nodes.
_PORT_OFFSET = 280


class TestApiProcesses(test_door.DoorCase):
    """They answer as the node does."""

    TIMEOUT_SCALE = 5

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.running = {}

    def setUp(self):
        super().setUp()
        self.key = self.pair_key()
        self.processes = [self.process(number) for number in range(2)]
        self.client = self.connect([(one.url, 0) for one in self.processes])
        for one in self.processes:
            one.wait_ready(self.client)
        self.nodes = [doors.client.Node(one.url, 0)
                      for one in self.processes]

    def process(self, number):
        """Return a process that runs, started if it does not."""
        made = self.running.get(number)
        if made is None or made.process.poll() is not None:
            made = self.running[number] = doors.ApiProcess(
                self.members, 0,
                self.members._ports.start + _PORT_OFFSET + number)
            self.addClassCleanup(made.end)
        return made

    def histories(self, *more):
        """Return the proven history as each process shows it."""
        return [[entry[2].txid for entry in doors.proven_history(
            self.client, doors.judge(self.members), self.key, node=node)]
            for node in (*self.nodes, *more)]

    def test_reads_writes_and_waits(self):
        written = self.author.configuration(self.vnf)
        for node in self.nodes:
            self.client.head(node=node)
        self.committed(written, self.nodes[0])
        asked = self.connect([*self.nodes, self.node(0)])
        self.client = asked
        self.assertEqual([[written.txid]] * 3,
                         self.histories(self.node(0)))
        for node in self.nodes:
            self.assertEqual(
                asked.status(node=self.node(0))['instance'],
                asked.head(node=node).answer.instance.hex())
            self.assertEqual(1, len(asked.search(
                sender=self.author.key_id.hex(), node=node)))
            self.assertEqual(
                {'state': 'committed'}, asked.fate(written.txid, node=node))
        # heads of one member never go back, whichever process answers
        for _ in range(50):
            for node in (*self.nodes, self.node(0)):
                heights = [asked.head(node=one).answer.head_height
                           for one in (node, *self.nodes)]
                self.assertEqual(sorted(heights), heights)

    def test_long_polls_are_woken_in_all(self):
        asyncio.run(self.wake())

    async def wake(self):
        target = f'/v1/state?key={self.key.hex()}&since=0&wait=60'
        urls = [*(one.url for one in self.processes), self.members.url(0)]
        tasks = []
        waiters = []
        for url in urls:
            waiter = doors.Waiter(url, ssl.create_default_context(
                cafile=str(self.members.ca_file)))
            await waiter.open()
            waiters.append(waiter)
            tasks.append(asyncio.create_task(waiter.ask(target)))
        nodes = [*self.nodes, self.node(0)]
        everywhere = self.connect(nodes)
        while not all(everywhere.status(node=node)['waiters']
                      for node in nodes):
            await asyncio.sleep(0.05)
        ended = []
        for task in tasks:
            task.add_done_callback(
                lambda _task: ended.append(time.monotonic()))
        # handed in at another member
        written = self.author.configuration(self.vnf)
        submitter = self.connect([self.node(2)])
        await asyncio.to_thread(submitter.submit, [written.submission])
        answers = await asyncio.wait_for(asyncio.gather(*tasks), 30)
        self.assertEqual({200}, {status for status, *_ in answers})
        self.report(woken_within_ms=round((max(ended) - min(ended)) * 1000))
        for waiter in waiters:
            waiter.close()
        self.assertEqual([[written.txid]] * 2, self.histories())

    def test_one_is_killed_in_mid_request(self):
        """What was taken is committed; what was not is taken again."""
        written = [self.author.configuration(self.vnf) for _ in range(200)]
        taken = threading.Event()
        first = self.connect([self.nodes[0], self.nodes[1]])

        def submit(part):
            """Hand in one by one, at the next process if one breaks."""
            for one in part:
                for _attempt in range(20):
                    try:
                        (_txid, code, message), = first.submit(
                            [one.submission]).body
                    except errors.LedgerError:
                        continue
                    self.assertIn(code, (None, 'duplicate'), message)
                    taken.set()
                    break
                else:
                    self.fail('nobody takes it')

        waiting = concurrent.futures.ThreadPoolExecutor(5)
        self.addCleanup(waiting.shutdown)
        height = first.head(node=self.nodes[1]).answer.head_height
        poll = waiting.submit(
            first.state, [self.key], since=height, wait_seconds=30,
            node=self.nodes[1])
        lost = waiting.submit(
            first.state, [bytes(32)], since=height + 1000, wait_seconds=30,
            node=self.nodes[0])
        parts = [waiting.submit(submit, written[start::3])
                 for start in range(3)]
        self.assertTrue(taken.wait(30))
        self.processes[0].process.send_signal(signal.SIGKILL)
        for part in parts:
            part.result(60)
        _head, ((_key, value, _proof),) = poll.result(60).body
        self.assertIsNotNone(value)
        self.assertRaises(errors.LedgerError, lost.result, 60)
        for one in written:
            self.assertIsNotNone(first.transaction(
                one.txid, wait_seconds=30, node=self.nodes[1]).body)
        history = doors.proven_history(
            first, doors.judge(self.members), self.key, node=self.nodes[1])
        self.assertEqual({one.txid for one in written},
                         {entry[2].txid for entry in history})
        self.assertEqual(200, len(history))
        # a new one at the same address goes on
        self.processes[0].process.wait()
        self.process(0).wait_ready(first)
        self.assertEqual(200, len(doors.proven_history(
            first, doors.judge(self.members), self.key,
            node=self.nodes[0])))

    def test_while_the_node_is_away_reads_go_on(self):
        written = self.author.configuration(self.vnf)
        self.committed(written, self.nodes[0])
        self.members.stop(0)
        self.assertEqual([[written.txid]] * 2, self.histories())
        error = self.assertRaises(
            errors.Busy, self.client.submit,
            [self.author.template().submission], node=self.nodes[0])
        self.assertIn('does not answer', error.message)
        self.members.start(0)
        self.members.wait_until(
            lambda: self.members.status(0)['has_quorum'], 30, 'quorum')
        more = self.author.configuration(self.vnf)
        self.members.wait_until(lambda: self.taken(more), 30, 'taken')
        self.assertIsNotNone(self.client.transaction(
            more.txid, wait_seconds=30, node=self.nodes[1]).body)
        self.assertEqual(
            self.members.status(0)['instance'],
            self.client.head(node=self.nodes[1]).answer.instance.hex())

    def taken(self, one):
        try:
            (_txid, code, _message), = self.client.submit(
                [one.submission], node=self.nodes[0]).body
        except errors.LedgerError:
            return False
        return code in (None, 'duplicate')

    def test_sigterm(self):
        self.assertEqual([0, 0], [one.end() for one in self.processes])


class TestStart(base.TestCase):
    """What an API process refuses at its start."""

    def test_bad_ports(self):
        with federation.Federation(1, start=False) as members:
            self.assertEqual('bad-option', self.start(
                members, '--port', 'many'))
            self.assertEqual('bad-option', self.start(
                members, '--port', '99999'))

    def start(self, members, *arguments):
        done = subprocess.run(
            [sys.executable, '-m', 'tacker_ledger.cmd.api', '--config-file',
             str(members.config_file(0)), *arguments], cwd=base.CHECKOUT,
            text=True, capture_output=True, timeout=60)
        self.assertEqual(1, done.returncode, done.stderr)
        return done.stderr.partition('error: ')[2].partition(':')[0]
