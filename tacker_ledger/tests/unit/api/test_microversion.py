# SPDX-License-Identifier: Apache-2.0
"""Which version is asked for."""

import hypothesis
from hypothesis import strategies

from tacker_ledger.api import microversion
from tacker_ledger.core import errors
from tacker_ledger.tests import base


class TestRequested(base.TestCase):
    """The header of the API working group."""

    def test_served(self):
        for header in (None, '', 'vnf-ledger 1.0', 'VNF-Ledger  1.0',
                       'compute 2.90, vnf-ledger 1.0', 'compute 2.90'):
            self.assertEqual((1, 0), microversion.requested(header), header)
        self.assertEqual(microversion.MAXIMUM,
                         microversion.requested('vnf-ledger latest'))

    def test_not_served(self):
        for wanted in ('2.0', '1', '1.x', '-1.0', '', '1.0.0', '٣.0',
                       '1.' + '0' * 50):
            error = self.assertRaises(
                errors.UnsupportedVersion, microversion.requested,
                f'vnf-ledger {wanted}')
            self.assertEqual(406, error.http_status)
            self.assertEqual('1.0', error.details['minimum'])

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(strategies.text())
    def test_anything(self, header):
        try:
            microversion.requested(header)
        except errors.UnsupportedVersion:
            pass

    def test_document(self):
        version = microversion.document('https://door')['versions'][0]
        self.assertEqual('https://door/v1/', version['links'][0]['href'])
