# SPDX-License-Identifier: Apache-2.0
"""S17: all nodes of a site lose power at once, and come back by themselves.

Power is cut by SIGKILL: nothing is flushed, no connection is closed in
order.  It is cut again while the nodes greet each other.
"""

import random
import time

from testtools import content

from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import copies
from tacker_ledger.tests.functional import federation

#: Within this the federation commits again, on a machine under load.
BOUND_SECONDS = 60.0


class TestSitePower(base.TestCase):

    TIMEOUT_SCALE = 6

    def setUp(self):
        super().setUp()
        self.members = federation.Federation(
            4, heartbeat_seconds=0.5, init=('--suite', 'ed25519'))
        self.addCleanup(self.members.close)
        seed = random.randrange(10 ** 6)
        self.chance = random.Random(seed)
        self.addDetail('seed', content.text_content(str(seed)))
        self.author = authors.Author(self.members.h)

    def write(self, count):
        """Have transactions in flight at all nodes."""
        for _ in range(count):
            for index in self.members.up():
                self.members.submit(index, self.author.template().submission)

    def cut(self):
        """Kill everything that runs, in any order."""
        running = self.members.up()
        self.chance.shuffle(running)
        for index in running:
            self.members.kill(index)

    def come_back(self, cuts):
        """Start all, in any order; cut again while they greet."""
        for _ in range(cuts):
            self.spawn_all()
            # somewhere between a process's first steps and its first votes
            time.sleep(self.chance.uniform(0.3, 2.0))
            self.cut()
        self.spawn_all()

    def spawn_all(self):
        order = list(range(4))
        self.chance.shuffle(order)
        for index in order:
            self.members.spawn(index)
            time.sleep(self.chance.choice((0, 0, 0.1, 0.3)))

    def heads(self):
        """Return (height, digest) of each running node."""
        found = []
        for index in self.members.up():
            status = self.members.status(index)
            found.append((status['height'], status['head_digest']))
        return found

    def test_s17_site_power(self):
        members = self.members
        with copies.Witness(members) as witness:
            self.write(2)
            for cuts in (0, 1, 2):
                before = self.heads()
                self.write(2)
                self.cut()
                self.come_back(cuts)
                height = max(height for height, _ in before)
                for index in range(4):
                    members.wait_ready(index, BOUND_SECONDS)
                # everybody votes again, by itself
                members.wait_until(lambda: all(
                    members.status(index)['voting'] for index in range(4)),
                    BOUND_SECONDS, 'all nodes vote')
                members.wait_height(height + 3, timeout=BOUND_SECONDS)
                # what was committed is committed
                for at, digest in before:
                    for index in range(4):
                        self.assertEqual(digest,
                                         witness.digest(index, at))
            for index in range(4):
                # an intact log is never in doubt
                self.assertNotIn('In doubt', members.log(index))
        witness.assert_no_second_vote()
