# SPDX-License-Identifier: Apache-2.0
"""One enrolled key enrols thousands.

A key that an enrolled one has addressed may write, or no VNF could send its
receipts.  So an enrolled key can let in as many keys as it likes, which is
harmless only if together they may write no more than a share of its own
rate, and nobody else's.
"""

import time

from tacker_ledger.tests.attacks import node_case

RATE_PER_SECOND = 100.0
BURST = 400
SHARE = 0.25
KEYS = 250
ROUNDS = 4
#: Mallory's own budget must reach for addressing all of them.
assert KEYS <= BURST * (1 - SHARE)


class TestEnrolledKeyEnrollingThousands(node_case.NodeCase):
    """All keys that one addressed share one budget, apart from its own."""

    NODES = 2
    ADMISSION = 'registered'
    OPTIONS = {'node': {'rate_per_key_per_second': RATE_PER_SECOND,
                        'rate_burst_per_key': BURST,
                        'rate_addressed_share': SHARE}}

    @classmethod
    def prepare(cls):
        cls.tenant, cls.mallory, cls.third = cls.enrolled(3)

    def setUp(self):
        super().setUp()
        self.members.wait_until(self.all_known, 10.0, 'keys are enrolled')

    def all_known(self):
        """Return whether every node knows the enrolled keys."""
        return all(len(self.members.call(index, 'enrolments')) >= 2
                   for index in self.members.up())

    def addressed(self, by, count):
        """Return new keys, each addressed by a request on the chain."""
        made = [self.author() for _ in range(count)]
        written = [by.request(one) for one in made]
        codes = self.codes(0, written)
        self.assertEqual({None}, set(codes), set(codes))
        self.wait_committed(*written)
        return made

    def codes(self, index, written):
        """Hand in any number of submissions; return all codes."""
        found = []
        for start in range(0, len(written), 100):
            answer = self.submit(index, *written[start:start + 100])
            found += (answer.codes if answer.results
                      else answer.codes * len(written[start:start + 100]))
        return found

    def test_thousands_of_writes(self):
        keys = self.addressed(self.mallory, KEYS)
        written = [key.template() for _ in range(ROUNDS) for key in keys]
        for index in range(self.members.size):
            mine = written[index::self.members.size]
            began = time.monotonic()
            codes = self.codes(index, mine)
            seconds = time.monotonic() - began
            self.assertEqual({None, 'rate-limited'}, set(codes))
            accepted = [one for one, code in zip(mine, codes, strict=True)
                        if code is None]
            self.assertLessEqual(
                len(accepted),
                SHARE * (BURST + RATE_PER_SECOND * seconds) + 1)
            self.wait_committed(*accepted)
            answer = self.submit(index, keys[0].template())
            while answer.status == 202:
                answer = self.submit(index, keys[0].template())
            self.assertEqual((429, ['rate-limited']),
                             (answer.status, answer.codes))
            self.assertGreaterEqual(int(answer.retry_after), 1)
            # It is their budget that is spent, and not the tenants'.
            self.assert_goes_on(index, self.tenant)
            self.assert_goes_on(index, self.mallory)
        self.second_generation(keys)
        self.taken_back(keys)

    def second_generation(self, keys):
        """Keys that such keys address are nobody's; also later."""
        grandchild = self.author()
        sent = keys[1].request(grandchild)
        self.members.wait_until(
            lambda: self.submit(0, sent).codes == [None], 10.0,
            'the budget of addressed keys recovers')
        self.wait_committed(sent)
        with self.nothing_changes():
            for index in range(self.members.size):
                answer = self.submit(index, grandchild.template())
                self.assertEqual((403, ['not-admitted']),
                                 (answer.status, answer.codes))
        # What was asked of it, it may answer: once, and only that.
        told = grandchild.answer(sent)
        self.assertEqual([None], self.submit(0, told).codes)
        self.wait_committed(told)
        self.assertEqual(['not-admitted'],
                         self.submit(0, grandchild.template()).codes)

    def taken_back(self, keys):
        """Without the one enrolment all of them are strangers again."""
        self.members.call(0, 'unenrol', self.mallory.key_id)
        self.members.wait_until(lambda: all(
            self.mallory.key_id.hex() not in {
                one['key_id'] for one in
                self.members.call(index, 'enrolments')}
            for index in self.members.up()), 10.0, 'it is known')
        with self.nothing_changes():
            for index in range(self.members.size):
                codes = self.codes(
                    index, [key.template() for key in keys[:100]])
                self.assertEqual({'not-admitted'}, set(codes))
        self.assert_goes_on(author=self.tenant)

    def test_strangers_address_a_tenants_vnf(self):
        """Who pays is the enrolled key that addressed a key first."""
        vnf = self.author()
        self.wait_for_all(self.third.configuration(vnf))
        for _ in range(3):
            self.assertEqual(['not-admitted'], self.submit(
                0, self.author().configuration(vnf)).codes)
        receipt = vnf.configuration(self.third)
        self.assertEqual([None], self.submit(0, receipt).codes)
        self.wait_committed(receipt)

    def wait_for_all(self, written):
        """Hand in one submission and wait until it is committed."""
        self.assertEqual([None], self.submit(0, written).codes)
        self.wait_committed(written)
