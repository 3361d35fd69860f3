# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""Tests of the bounds: that they fit into each other."""

from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto import suite
from tacker_ledger.core import limits
from tacker_ledger.tests import base

UNITS = ('_BYTES', '_COUNT', '_DEPTH', '_MS', '_TRANSACTIONS',
         '_BLOCKS', '_LINES')


class TestLimits(base.TestCase):
    """A smaller thing at its bound fits into the larger one."""

    def test_units_come_last(self):
        names = [name for name in vars(limits) if not name.startswith('_')]
        self.assertIn('BLOCK_MAX_BYTES', names)
        self.assertEqual(
            [], [name for name in names if not name.endswith(UNITS)])

    def test_a_configuration_of_s0_fits(self):
        self.assertLessEqual(envelope.sealed_size(10 ** 6),
                             limits.CONFIGURATION_MAX_BYTES)

    def test_what_surrounds_a_configuration_fits(self):
        wraps = limits.WRAP_COUNT * max(
            one.wrap_bytes for one in suite.suites())
        references = 2 * limits.REFERENCES_MAX_COUNT * (16 + 9 + 33)
        self.assertLessEqual(
            limits.CONFIGURATION_MAX_BYTES + wraps + references
            + limits.KEY_DOCUMENT_MAX_BYTES + limits.DESCRIPTION_MAX_BYTES
            + 1024, limits.TRANSACTION_MAX_BYTES)

    def test_containers_hold_what_they_contain(self):
        self.assertLess(limits.TRANSACTION_MAX_BYTES, limits.BLOCK_MAX_BYTES)
        self.assertLess(limits.BLOCK_MAX_BYTES, limits.FRAME_MAX_BYTES)
        self.assertLess(limits.FRAME_MAX_BYTES, limits.ANSWER_MAX_BYTES)
        self.assertLess(limits.POOL_SKEW_MS, limits.TIMESTAMP_FUTURE_MS)
        self.assertLess(limits.BLOCK_MAX_TRANSACTIONS,
                        limits.ITEMS_MAX_COUNT)
