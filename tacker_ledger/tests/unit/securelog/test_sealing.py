# SPDX-License-Identifier: Apache-2.0
"""Tests of tacker_ledger.securelog.sealing."""

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.securelog import keys
from tacker_ledger.securelog import sealing
from tacker_ledger.tests import base


class Sealing(base.TestCase):

    def test_source_that_is_missing_costs_no_other_file(self):
        directory = self.make_directory()
        provider = providers.default()
        keys.generate(directory / 'keys', provider)
        output = directory / 'precious'
        output.write_bytes(b'precious')
        self.assertRaises(
            errors.BadOption, sealing.seal, str(directory / 'missing'),
            str(output), str(directory / 'keys'), provider)
        self.assertEqual(b'precious', output.read_bytes())
