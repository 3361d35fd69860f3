# SPDX-License-Identifier: Apache-2.0
"""What a door shows depends on the version, and on who asks."""

from tacker_ledger.api.schemas import status as schemas
from tacker_ledger.api import shown
from tacker_ledger.tests import base

FOUND = {name: name for name in schemas.OPERATOR_STATUS['properties']}


class TestStatus(base.TestCase):

    def test_a_client_of_the_first_version_sees_what_it_knows(self):
        for to_operator in (False, True):
            keys = set(shown.status(FOUND, (1, 0), to_operator=to_operator))
            self.assertIn('doubt', keys)
            self.assertEqual(set(schemas._SINCE_1_0), keys)

    def test_the_newest_version(self):
        self.assertEqual(FOUND, shown.status(FOUND, (1, 1),
                                             to_operator=True))
        public = shown.status(FOUND, (1, 1), to_operator=False)
        self.assertEqual({'refused', 'expiries', 'sent'},
                         FOUND.keys() - public.keys())
        self.assertEqual(public.keys(), schemas.STATUS['properties'].keys())

    def test_what_is_not_described_is_not_shown(self):
        self.assertEqual({}, shown.status({'vote_seed': 'x'}, (1, 1),
                                          to_operator=True))


class TestRecords(base.TestCase):

    def test_peers(self):
        one = {'member': 1, 'view': 3, 'heard_ms': 7, 'other': 1}
        self.assertEqual([{'member': 1}], shown.peers([one], (1, 0)))
        self.assertEqual([{'member': 1, 'view': 3, 'heard_ms': 7}],
                         shown.peers([one], (1, 1)))

    def test_evidence(self):
        one = {'member': 1, 'messages': ['00'], 'federation': 'ab'}
        self.assertEqual([{'member': 1, 'messages': ['00']}],
                         shown.evidence([one], (1, 0)))
        self.assertEqual([one], shown.evidence([one], (1, 1)))
