# SPDX-License-Identifier: Apache-2.0
"""Reading keys off a console."""

from tacker_ledger.core.configuration import console_block
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.tenant_client import console
from tacker_ledger.tests import base

H = hashing.hasher(bytes(32))


class TestConsole(base.TestCase):
    """Which blocks count."""

    def setUp(self):
        super().setUp()
        self.provider = providers.default()
        self.pair, self.receipt, self.other = (
            self.provider.generate(2) for _ in range(3))

    def block(self, pair=None, uuid='a', time_ms=1, h=H):
        return console_block.make(h, pair or self.pair, self.receipt, uuid,
                                  time_ms)

    def read(self, *texts, uuid=''):
        return console.read(H, self.provider, texts, uuid)

    def test_among_other_text(self):
        text = f'[    0.0] Linux\r\n{self.block()}login: '
        self.assertEqual(self.pair.document, self.read(text).vnf_key)

    def test_the_newest_of_one_identity(self):
        text = self.block(time_ms=5) + self.block(time_ms=3)
        self.assertEqual(5, self.read(text, self.block()).time_ms)

    def test_two_keys_in_one_text(self):
        text = self.block() + self.block(self.other)
        error = self.assertRaises(errors.BadSignature, self.read, text)
        self.assertEqual(2, len(error.details['fingerprints']))

    def test_two_keys_in_two_readings(self):
        self.assertRaises(errors.BadSignature, self.read, self.block(),
                          self.block(self.other))

    def test_several_instances(self):
        text = self.block(uuid='a') + self.block(self.other, uuid='b')
        self.assertRaises(errors.BadOption, self.read, text)
        self.assertEqual(self.other.document,
                         self.read(text, uuid='b').vnf_key)

    def test_what_does_not_count(self):
        cut = self.block()[:-60]
        changed = self.block().replace('A', 'B', 1)
        elsewhere = self.block(h=hashing.hasher(b'x' * 32))
        for text in ('', cut, changed, elsewhere):
            self.assertRaises(errors.NotFound, self.read, text)
            self.assertEqual(
                self.pair.document,
                self.read(f'{text}\n{self.block()}').vnf_key)

    def test_why_there_is_none(self):
        error = self.assertRaises(
            errors.NotFound, self.read,
            self.block(h=hashing.hasher(b'x' * 32)))
        self.assertEqual(['bad-signature'], error.details['passed_over'])

    def test_another_instance_only(self):
        self.assertRaises(errors.NotFound, self.read, self.block(),
                          uuid='b')

    def test_too_long(self):
        self.assertRaises(errors.TooLarge, self.read,
                          'x' * (console.TEXT_MAX_BYTES + 1))
