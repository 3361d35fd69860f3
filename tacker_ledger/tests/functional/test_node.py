# SPDX-License-Identifier: Apache-2.0
"""Four real node processes: they agree, survive, and come back in step."""

import concurrent.futures
import json
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

from testtools import content

from tacker_ledger.core.ledger import block
from tacker_ledger.node import query
from tacker_ledger.storage import index as index_module
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation


class FederationCase(base.TestCase):
    """A federation for a class; each test leaves all nodes running."""

    TIMEOUT_SCALE = 4
    OPTIONS: federation.Options = {}
    ADMISSION = 'open'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = federation.Federation(
            4, heartbeat_seconds=1.0, admission=cls.ADMISSION,
            options=cls.OPTIONS)
        cls.addClassCleanup(cls.members.close)
        cls.h = cls.members.h

    def setUp(self):
        super().setUp()
        self.members.start_all()
        self.addCleanup(self.show_logs)

    def show_logs(self):
        for index in range(self.members.size):
            self.addDetail(f'node-{index}', self.members_log(index))

    def members_log(self, index):
        return content.text_content(self.members.log(index)[-6000:])

    def accepted(self, index: int, *written: authors.Written):
        results = self.members.submit(
            index, *(one.submission for one in written))
        self.assertEqual([None] * len(written),
                         [result.code for result in results], results)

    def committed(self, *written: authors.Written, nodes=None):
        """Wait until nodes (all running ones) have the transactions."""
        for index in self.members.up() if nodes is None else nodes:
            reader = query.open_directory(str(self.members.data(index)))
            self.members.wait_until(
                lambda reader=reader: all(
                    reader.transaction(one.txid) for one in written),
                30.0, f'node {index} has the transactions')

    def state_root(self, index: int, height: int) -> bytes:
        reader = query.open_directory(str(self.members.data(index)))
        (header, _), _ = reader.block(height, body=False)
        return block.Header.from_bytes(header).state_root

    def assert_in_step(self):
        """All nodes have the same chain, state and index."""
        self.members.wait_until(lambda: len({
            self.members.status(index)['height']
            for index in self.members.up()}) == 1, 30.0, 'one height')
        height = min(self.members.status(index)['height']
                     for index in self.members.up())
        self.assertEqual(1, len({self.state_root(index, height)
                                 for index in self.members.up()}))
        self.members.wait_until(lambda: all(
            self.members.status(index)['index_height'] >= height
            for index in self.members.up()), 30.0, 'indexed')
        rows = [
            [row for row in self.index(index).content()
             if row[1][0] <= height] for index in self.members.up()]
        self.assertTrue(rows[0])
        for other in rows[1:]:
            self.assertEqual(rows[0], other)

    def index(self, index: int) -> index_module.Index:
        return index_module.Index(
            f'sqlite:///{self.members.data(index)}/index.sqlite')

    def get(self, index: int, path: str) -> tuple[int, bytes]:
        context = ssl.create_default_context(
            cafile=str(self.members.ca_file))
        try:
            with urllib.request.urlopen(
                    self.members.url(index) + path, context=context,
                    timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


class TestAgreement(FederationCase):

    def test_what_any_node_accepts_is_committed_by_all(self):
        author = authors.Author(self.h)
        written = [author.template() for _ in range(8)]
        for number, one in enumerate(written):
            self.accepted(number % 4, one)
        self.committed(*written)
        self.assert_in_step()

    def test_versions_submitted_together_are_committed_in_order(self):
        author = authors.Author(self.h)
        first = author.template()
        cid = first.transaction.content.cid
        more = [author.template(cid=cid, vid=vid) for vid in range(2, 7)]
        self.accepted(2, first, *more)
        self.committed(first, *more)
        reader = query.open_directory(str(self.members.data(0)))
        places = [reader.place(one.txid) for one in (first, *more)]
        self.assertEqual(sorted(places), places)

    def test_a_refusal_says_why_and_changes_nothing(self):
        author = authors.Author(self.h)
        first = author.template()
        cid = first.transaction.content.cid
        self.accepted(1, first)
        self.committed(first)
        stranger = authors.Author(self.h)
        cut = first.submission[:-1]
        refused = (
            (first.submission, 'duplicate'), (cut, 'malformed'),
            (author.template(cid=cid, vid=3).submission, 'vid-conflict'),
            (stranger.template(cid=cid, vid=2).submission, 'not-owner'))
        for submission, code in refused:
            result, = self.members.submit(3, submission)
            self.assertEqual(code, result.code)
        self.assertEqual(0, self.members.status(3)['pool']['transactions'])

    def test_the_largest_transactions_pass(self):
        author = authors.Author(self.h)
        written = author.template(size=1_000_000)
        self.accepted(1, written)
        self.committed(written)

    def test_heartbeats_lose_their_certificates_and_have_no_rows(self):
        height = self.members.status(0)['height']
        self.members.wait_height(height + 3)
        reader = query.open_directory(str(self.members.data(0)))
        heads = [reader.block(at)[0] for at in range(1, reader.height() + 1)
                 if not reader.block(at)[1]]
        self.assertTrue(all(not certificate for _, certificate in
                            heads[:-1]))
        self.assertTrue(reader.head()[1])
        self.members.wait_until(
            lambda: self.members.status(0)['index_height'] >= height, 10.0)
        self.assertNotIn(height, [
            row[0] for table, row in self.index(0).content()
            if table == 'blocks' and not reader.block(row[0])[1]])

    def test_disk_use_is_counted_per_sender(self):
        author = authors.Author(self.h)
        written = [author.template(size) for size in (100, 5000)]
        self.accepted(0, *written)
        self.committed(*written)
        record = next(record for record in self.members.call(2, 'usage')
                      if record['sender'] == author.key_id.hex())
        self.assertEqual(2, record['count'])
        self.assertEqual(sum(len(one.transaction.raw) for one in written),
                         record['bytes'])


class TestFailures(FederationCase):

    def test_a_stopped_follower_catches_up(self):
        self.assertEqual(0, self.members.stop(2))
        author = authors.Author(self.h)
        written = [author.template() for _ in range(40)]
        self.accepted(1, *written)
        self.committed(*written)
        self.members.start(2)
        self.committed(*written)
        self.assert_in_step()

    def test_a_killed_node_comes_back(self):
        author = authors.Author(self.h)
        for _ in range(3):
            written = [author.template() for _ in range(10)]
            self.accepted(0, *written)
            self.members.kill(3)
            self.committed(*written)
            self.members.start(3)
            self.committed(*written, nodes=[3])
        self.assert_in_step()

    def test_a_killed_leader_comes_back(self):
        author = authors.Author(self.h)
        for _ in range(2):
            first = author.template()
            self.accepted(1, first)
            self.members.kill(0)
            self.members.start(0)
            second = author.template()
            self.accepted(1, second)
            self.committed(first, second)
        self.assert_in_step()

    def test_all_killed_at_once_lose_nothing(self):
        author = authors.Author(self.h)
        written = [author.template() for _ in range(5)]
        self.accepted(0, *written)
        self.committed(*written)
        for index in range(4):
            self.members.kill(index)
        self.members.start_all()
        self.committed(*written)
        after = author.template()
        self.accepted(2, after)
        self.committed(after)
        self.assert_in_step()

    def test_without_a_quorum_writes_are_refused_and_reads_go_on(self):
        author = authors.Author(self.h)
        before = author.template()
        self.accepted(0, before)
        self.committed(before)
        self.members.stop(2)
        self.members.kill(3)
        self.members.wait_until(
            lambda: not self.members.status(1)['has_quorum'], 10.0)
        started = time.monotonic()
        result, = self.members.submit(1, author.template().submission)
        self.assertEqual('no-quorum', result.code)
        self.assertLess(time.monotonic() - started, 5.0)
        status, _ = self.get(1, f'/v1/transactions/{before.txid.hex()}')
        self.assertEqual(200, status)
        status, body = self.get(1, '/v1/status')
        self.assertEqual(200, status)
        self.assertFalse(json.loads(body)['has_quorum'])
        self.members.start_all()
        after = author.template()
        self.accepted(1, after)
        self.committed(after)

    def test_a_node_alone_starts_with_what_it_has(self):
        for index in range(4):
            self.members.stop(index)
        self.members.start(1)
        self.assertEqual(200, self.get(1, '/v1/head')[0])
        result, = self.members.submit(
            1, authors.Author(self.h).template().submission)
        self.assertEqual('no-quorum', result.code)
        self.members.start_all()
        self.assert_in_step()

    def test_a_frozen_neighbour_holds_up_no_start(self):
        self.members.stop(2)
        author = authors.Author(self.h)
        written = [author.template() for _ in range(5)]
        self.accepted(0, *written)
        self.committed(*written)
        self.members.pause(1)
        self.addCleanup(self.members.resume, 1)
        self.members.start(2)
        self.committed(*written, nodes=[2])
        self.members.resume(1)
        self.assert_in_step()

    def test_a_node_restored_from_an_old_copy(self):
        author = authors.Author(self.h)
        self.members.stop(3)
        copy = self.make_directory() / 'copy'
        shutil.copytree(self.members.data(3), copy)
        self.members.start(3)
        written = [author.template() for _ in range(5)]
        for one in written:
            self.accepted(3, one)
            self.committed(one)
        self.members.kill(3)
        shutil.rmtree(self.members.data(3))
        shutil.copytree(copy, self.members.data(3))
        self.members.start(3)
        self.committed(*written, nodes=[3])
        # whatever it had forgotten is history soon
        self.members.wait_until(
            lambda: self.members.status(3)['voting'], 30.0)
        self.assert_in_step()

    def test_a_node_with_an_empty_disk(self):
        author = authors.Author(self.h)
        one = author.template()
        self.accepted(3, one)
        self.committed(one)
        self.members.kill(2)
        shutil.rmtree(self.members.data(2))
        self.members.start(2)
        self.committed(one, nodes=[2])
        self.members.wait_until(
            lambda: self.members.status(2)['voting'], 30.0)
        self.assert_in_step()

    def test_a_lost_index_is_built_again_the_same(self):
        author = authors.Author(self.h)
        written = [author.template() for _ in range(5)]
        self.accepted(0, *written)
        self.committed(*written)
        self.members.stop(1)
        for path in self.members.data(1).glob('index.sqlite*'):
            path.unlink()
        self.members.start(1)
        self.assert_in_step()

    def test_a_damaged_state_map_is_built_again(self):
        author = authors.Author(self.h)
        written = author.template()
        self.accepted(0, written)
        self.committed(written)
        self.members.stop(1)
        path = self.members.data(1) / 'state.map'
        with open(path, 'r+b') as file:
            file.seek(32)
            file.write(bytes(32))
        self.members.start(1)
        self.assertIn('State map rebuilt', self.members.log(1))
        after = author.template()
        self.accepted(1, after)
        self.committed(after)
        self.assert_in_step()


class TestTermination(FederationCase):

    def test_a_term_signal_ends_a_node_cleanly(self):
        for index in (0, 3):
            started = time.monotonic()
            self.assertEqual(0, self.members.stop(index))
            self.assertLess(time.monotonic() - started, 5.0)
            log = self.members.log(index)
            self.assertTrue(log.rstrip().endswith('has stopped'), log[-300:])
            self.members.start(index)
            self.assertNotIn('State map rebuilt',
                             self.members.log(index)[len(log):])

    def test_clients_that_wait_do_not_hold_up_the_end(self):
        height = self.members.status(1)['height']
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            waiting = [threads.submit(
                self.get, 1, f'/v1/head?since={height + 1000}&wait=60')
                for _ in range(8)]
            self.members.wait_until(lambda: json.loads(self.get(
                1, '/v1/status')[1])['waiters'] == 8, 10.0)
            started = time.monotonic()
            self.assertEqual(0, self.members.stop(1))
            self.assertLess(time.monotonic() - started, 5.0)
            codes = [future.result(10)[0] for future in waiting]
        self.assertEqual([503] * 8, codes)
        self.members.start(1)

    def test_a_term_signal_during_the_start(self):
        self.members.stop(1)
        process = self.members.spawn(1)
        self.members.wait_until(
            lambda: (self.members.data(1) / 'lock').exists(), 10.0)
        time.sleep(0.5)
        process.terminate()
        self.assertIn(process.wait(10), (0, -15))
        self.members.start(1)

    def test_a_second_process_on_one_directory_is_refused(self):
        done = subprocess.run(
            [sys.executable, '-m', 'tacker_ledger.cmd.node', '--config-file',
             str(self.members.config_file(2))], cwd=base.CHECKOUT,
            capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn('error: busy: ', done.stderr)
        self.assertTrue(self.members.status(2)['healthy'])


class TestRegistered(FederationCase):
    ADMISSION = 'registered'

    def test_who_may_write(self):
        tenant = authors.Author(self.h)
        vnf = authors.Author(self.h)
        result, = self.members.submit(2, tenant.template().submission)
        self.assertEqual('not-admitted', result.code)
        self.members.enrol(tenant.key_id, index=1)
        self.accepted(2, tenant.template())
        # a VNF may write once its tenant has addressed it
        receipt = vnf.configuration(tenant)
        result, = self.members.submit(0, receipt.submission)
        self.assertEqual('not-admitted', result.code)
        word = tenant.configuration(vnf)
        self.accepted(3, word)
        self.committed(word)
        self.accepted(0, receipt)
        self.committed(receipt)
        # and whom the VNF addresses gains nothing by it
        accomplice = authors.Author(self.h)
        spread = vnf.configuration(accomplice)
        self.accepted(0, spread)
        self.committed(spread)
        result, = self.members.submit(
            1, accomplice.template().submission)
        self.assertEqual('not-admitted', result.code)
        # until somebody enrolled does
        welcome = tenant.configuration(accomplice)
        self.accepted(1, welcome)
        self.committed(welcome)
        self.accepted(1, accomplice.template())

    def test_an_enrolment_outlives_its_node_and_can_be_taken_back(self):
        tenant = authors.Author(self.h)
        self.members.stop(3)
        self.members.enrol(tenant.key_id, index=1)
        self.members.stop(1)
        self.members.start_all()
        self.members.wait_until(lambda: tenant.key_id.hex() in {
            record['key_id']
            for record in self.members.call(3, 'enrolments')}, 10.0)
        self.accepted(3, tenant.template())
        self.members.call(1, 'unenrol', tenant.key_id)
        self.members.wait_until(lambda: self.members.submit(
            3, tenant.template().submission)[0].code == 'not-admitted', 10.0)

    def test_an_answer_needs_no_enrolment(self):
        tenant = authors.Author(self.h)
        self.members.enrol(tenant.key_id)
        vnf = authors.Author(self.h)
        request = tenant.request(vnf)
        self.accepted(0, request)
        self.committed(request)
        answer = vnf.answer(request)
        self.accepted(2, answer)
        self.committed(answer)


class TestRates(FederationCase):
    ADMISSION = 'registered'
    OPTIONS = {'node': {'rate_per_key_per_second': 0.01,
                        'rate_burst_per_key': 8,
                        'rate_addressed_share': 0.25}}

    def test_budgets_are_apart(self):
        tenant = authors.Author(self.h)
        vnf = authors.Author(self.h)
        self.members.enrol(tenant.key_id)
        word = tenant.configuration(vnf)
        self.accepted(0, word)
        self.committed(word)
        codes = [self.members.submit(0, vnf.template().submission)[0].code
                 for _ in range(4)]
        self.assertEqual([None, None, 'rate-limited', 'rate-limited'], codes)
        # what the VNF spent its tenant still has
        codes = [self.members.submit(0, tenant.template().submission)[0].code
                 for _ in range(6)]
        self.assertEqual([None] * 5 + ['rate-limited'], codes)
