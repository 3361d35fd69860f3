# SPDX-License-Identifier: Apache-2.0
"""Write flood.

Five enrolled keys, and strangers, offer far more than the federation can
commit.  They are told to wait, the node's pool and memory stay bounded, and
a quiet tenant hardly notices.
"""

import threading
import time

from tacker_ledger.core import codec
from tacker_ledger.tests.attacks import node_case

FLOODERS = 5
POOL_MAX_TRANSACTIONS = 20
BATCH_INTERVAL_MS = 200
FLOOD_SECONDS = 4.0
_BATCH = 100
_PER_FLOODER = 600
_MIB = 1024 * 1024


class _Flood(threading.Thread):
    """Sends batch after batch to one node until told to stop."""

    def __init__(self, post, bodies):
        super().__init__(daemon=True)
        self._post = post
        self._bodies = bodies
        self.answers = []
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            for body in self._bodies:
                if self.over.is_set():
                    return
                self.answers.append(self._post(body))


class TestWriteFlood(node_case.NodeCase):
    """Who floods waits; who does not does not."""

    ADMISSION = 'registered'
    INIT = ('--batch-interval-ms', str(BATCH_INTERVAL_MS))
    OPTIONS = {'node': {'pool_max_transactions': POOL_MAX_TRANSACTIONS,
                        'rate_per_key_per_second': 100.0,
                        'rate_burst_per_key': 200}}

    @classmethod
    def prepare(cls):
        cls.quiet, *cls.flooders = cls.enrolled(1 + FLOODERS)

    def bodies(self, authors):
        """Return batches in which authors take turns; and all of them."""
        written = [author.template(200) for _ in range(_PER_FLOODER)
                   for author in authors]
        return written, [codec.encode(tuple(
            one.submission for one in written[start:start + _BATCH]))
            for start in range(0, len(written), _BATCH)]

    def flooding(self, *bodies):
        """Start a flood of each list of batches, at nodes 0, 1, ..."""
        floods = []
        for index, one in enumerate(bodies):
            session = self.session()
            flood = _Flood(
                lambda body, index=index, session=session: self.post(
                    index, body, session), one)
            self.addCleanup(flood.over.set)
            floods.append(flood)
        for flood in floods:
            flood.start()
        return floods

    def ended(self, floods):
        """End floods; return what they were answered."""
        for flood in floods:
            flood.over.set()
        for flood in floods:
            flood.join(30.0)
            self.assertFalse(flood.is_alive())
        return [answer for flood in floods for answer in flood.answers]

    def assert_told_to_wait(self, answer):
        """Demand a status for "not now" and when to come again."""
        self.assertIn((answer.status, answer.codes[0]),
                      ((503, 'busy'), (429, 'rate-limited')))
        self.assertGreaterEqual(int(answer.retry_after), 1)

    def test_by_enrolled_keys(self):
        _first, at_leader = self.bodies(self.flooders)
        _second, at_other = self.bodies(self.flooders)
        tenants = []
        pools = []
        before = self.written()
        with self.bounded_memory(0, 128 * _MIB):
            floods = self.flooding(at_leader, at_other)
            until = time.monotonic() + FLOOD_SECONDS
            while time.monotonic() < until:
                written = self.quiet.template(200)
                answer = self.submit(len(tenants) % 2, written)
                self.assertEqual((202, [None]),
                                 (answer.status, answer.codes))
                tenants.append(written)
                # Before the flood ends, and within blocks, not minutes.
                self.wait_committed(written, timeout=15.0)
                pools += [self.status(index)['pool']['transactions']
                          for index in self.members.up()]
            answers = self.ended(floods)
        self.assertGreaterEqual(len(tenants), 3)
        self.assertLessEqual(max(pools), POOL_MAX_TRANSACTIONS)
        codes = [code for answer in answers for code in (
            answer.codes if answer.results else answer.codes * _BATCH)]
        # What was taken before, and is sent again, is a duplicate.
        self.assertEqual({None, 'busy', 'rate-limited'},
                         set(codes) - {'duplicate'})
        self.settled()
        self.assertGreater(len(codes), 10 * (self.written() - before))
        refused = [answer for answer in answers if answer.status != 202]
        for answer in refused:
            self.assert_told_to_wait(answer)
        self.assert_goes_on(author=self.quiet)

    def written(self):
        """Return how many transactions the ledger holds."""
        return sum(sender['count']
                   for sender in self.members.call(0, 'usage'))

    def test_a_single_submission_is_told_to_wait(self):
        """Batch or single: the status says it, with Retry-After."""
        _written, bodies = self.bodies(self.flooders[:1])
        singles, _ = self.bodies(self.flooders[1:2])
        floods = self.flooding(bodies)
        session = self.session()
        try:
            for one in singles:
                answer = self.submit(0, one, session=session)
                if answer.status != 202:
                    break
        finally:
            self.ended(floods)
        self.assert_told_to_wait(answer)
        self.settled()
        with self.nothing_changes():
            self.assertEqual('unknown', self.fate(one))

    def fate(self, written):
        """Return what the node knows of a transaction."""
        return self.session().get(
            f'{self.members.url(0)}/v1/transactions/{written.txid.hex()}'
            '/fate', timeout=10).json()['state']

    def test_by_strangers(self):
        """They take no place in any pool."""
        strangers = [self.author() for _ in range(FLOODERS)]
        _written, bodies = self.bodies(strangers)
        with self.bounded_memory(0, 128 * _MIB):
            self.settled()
            before = [self.head(index) for index in self.members.up()]
            floods = self.flooding(bodies)
            time.sleep(1.0)
            answers = self.ended(floods)
            self.assertEqual(before, [self.head(index)
                                      for index in self.members.up()])
        codes = {code for answer in answers for code in answer.codes}
        self.assertLessEqual(codes, {'not-admitted', 'rate-limited'})
        self.assertIn('not-admitted', codes)
        self.assert_goes_on(author=self.quiet)
