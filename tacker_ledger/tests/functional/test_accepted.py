# SPDX-License-Identifier: Apache-2.0
"""What a node has accepted outlives its process."""

from tacker_ledger.node import query
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation


class TestAccepted(base.TestCase):
    """One member, whose blocks come seconds after what they hold."""

    TIMEOUT_SCALE = 4

    def test_killed_before_it_told_anybody(self):
        with federation.Federation(
                1, init=('--batch-interval-ms', '3000')) as members:
            author = authors.Author(members.h)
            written = [author.template() for _ in range(20)]
            results = members.submit(
                0, *(one.submission for one in written))
            members.kill(0)
            self.assertEqual([None] * 20, [one.code for one in results])
            reader = query.open_directory(str(members.data(0)))
            self.assertEqual([None] * 20, [
                reader.place(one.txid) for one in written])
            members.start(0)
            members.wait_until(
                lambda: all(reader.place(one.txid) for one in written),
                30.0, 'all of them are in a block')
            self.assertEqual(
                20, len({reader.place(one.txid) for one in written}))
