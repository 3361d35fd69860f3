# SPDX-License-Identifier: Apache-2.0
"""Query strings, strictly."""

import hypothesis
from hypothesis import strategies

from tacker_ledger.api import parameters
from tacker_ledger.core import errors
from tacker_ledger.tests import base


class TestParse(base.TestCase):
    """One spelling, known names."""

    def refused(self, query, *allowed):
        return self.assertRaises(errors.BadOption, parameters.parse, query,
                                 allowed)

    def test_values(self):
        found = parameters.parse(
            b'key=00&n=7&key=ff&flag=true&nonce=' + b'0' * 32,
            ('key', 'n', 'flag', 'other'))
        self.assertEqual((b'\x00', b'\xff'), found.hexadecimals('key', 1, 2))
        self.assertEqual(7, found.integer('n', 1))
        self.assertEqual(1, found.integer('other', 1))
        self.assertIsNone(found.optional_integer('other'))
        self.assertTrue(found.flag('flag', False))
        self.assertFalse(found.flag('other', False))
        self.assertIsNone(found.hexadecimal('other', 1))
        self.assertEqual(bytes(16), found.hexadecimal('nonce', 16))
        self.assertIsNone(parameters.parse(b'', ()).text('n'))

    def test_refused(self):
        self.refused(b'n=1')
        self.refused(b'n=1&', 'n')
        self.refused(b'n=%31', 'n')
        self.refused(b'n=1+1', 'n')
        self.refused(b'n=' + b'1' * 129, 'n')
        self.refused(b'\xff=1', 'n')
        self.refused(b'nonce=00')
        self.refused(b'nonce=' + b'0' * 32 + b'&nonce=' + b'0' * 32)
        self.refused(b'&'.join([b'n=1'] * 301), 'n')

    def test_numbers(self):
        for text in ('', '-', '1.0', '0x1', '٣', '9' * 30, '-1', '11'):
            self.assertRaises(errors.BadOption, parameters.number, 'n', text,
                              0, 10)
        self.assertEqual(-1, parameters.number('n', '-1', -1))

    def test_hexadecimals(self):
        found = parameters.parse(b'k=00&k=01&k=01', ('k',))
        self.assertRaises(errors.TooLarge, found.hexadecimals, 'k', 1, 2)
        self.assertRaises(errors.BadOption, found.hexadecimals, 'k', 1, 3)
        for text in ('0', 'AA', 'gg', '000'):
            self.assertRaises(errors.BadOption, parameters.from_hex, 'k',
                              text, 1)

    @hypothesis.settings(max_examples=200)
    @hypothesis.given(strategies.binary(max_size=300))
    def test_anything(self, query):
        try:
            found = parameters.parse(query, ('a', 'b'))
            found.text('a')
            found.optional_integer('b')
        except errors.BadOption:
            pass
