# SPDX-License-Identifier: Apache-2.0
"""Key block injected on the console.

Anything inside a guest can print.  A process that is not the agent wants
its own keys registered, or the agent's keys under its own instance.
"""

import base64

import cbor2

from tacker_ledger.core import codec
from tacker_ledger.core.configuration import console_block
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.tests.attacks import tenant_case


class TestConsoleInjection(tenant_case.TenantCase):
    """Two keys are one too many, and a known key is not replaced."""

    def spoiled(self, guest, place, change):
        """Return a guest's block with one field changed, not signed anew."""
        (encoded,) = console_block.find(guest.block())
        fields = list(cbor2.loads(base64.b64decode(encoded)))
        fields[place] = change(fields[place])
        text = base64.b64encode(codec.encode(tuple(fields))).decode()
        return '\n'.join((console_block.BEGIN, text, console_block.END, ''))

    def test_beside_the_genuine_one(self):
        """In any order, in one read or in the second one only."""
        good, bad = self.genuine.block(), self.injector.block()
        for texts in ((good + bad,), (bad + good,), (good, bad), (bad, good),
                      (good, good + bad), (good * 20 + bad + good * 20,)):
            exc = self.assert_not_registered(errors.BadSignature, *texts)
            self.assertEqual(
                sorted((self.genuine.fingerprint(),
                        self.injector.fingerprint())),
                exc.details['fingerprints'])

    def test_with_a_later_time(self):
        """Claiming to be the newer block wins nothing."""
        self.assert_not_registered(
            errors.BadSignature, self.genuine.block()
            + self.injector.block(time_ms=2 ** 63))

    def test_with_an_altered_signature(self):
        """It proves nothing, so it neither counts nor disturbs."""
        for place in (5, 6):
            bad = self.spoiled(self.injector, place, lambda signature: bytes(
                [signature[0] ^ 1]) + signature[1:])
            exc = self.assert_not_registered(errors.NotFound, bad)
            self.assertEqual(['bad-signature'], exc.details['passed_over'])
            self.assert_registered(self.genuine,
                                   bad + self.genuine.block() + bad)

    def test_with_an_altered_field(self):
        """Every field is signed, with both keys."""
        other = self.genuine
        for place, change in (
                (1, lambda _uuid: tenant_case.OTHER_UUID),
                (2, lambda _key: other.vnf.document.to_bytes()),
                (3, lambda _key: other.receipt.document.to_bytes()),
                (4, lambda time_ms: time_ms + 1)):
            bad = self.spoiled(self.injector, place, change)
            exc = self.assert_not_registered(
                errors.NotFound, bad, uuid=(
                    tenant_case.OTHER_UUID if place == 1
                    else tenant_case.UUID))
            self.assertEqual(['bad-signature'], exc.details['passed_over'])

    def test_half_of_the_genuine_keys(self):
        """The VNF key of one with the receipt key of another."""
        for bad in (self.injector.block(vnf=self.genuine.vnf),
                    self.injector.block(receipt=self.genuine.receipt)):
            self.assert_not_registered(errors.BadSignature,
                                       self.genuine.block() + bad)

    def test_for_another_instance(self):
        elsewhere = self.injector.block(uuid=tenant_case.OTHER_UUID)
        exc = self.assert_not_registered(
            errors.BadOption, self.genuine.block() + elsewhere, uuid='')
        self.assertEqual(sorted((tenant_case.UUID, tenant_case.OTHER_UUID)),
                         exc.details['instances'])
        self.assert_not_registered(errors.NotFound, elsewhere)
        self.assert_registered(self.genuine,
                               elsewhere + self.genuine.block() + elsewhere)

    def test_from_another_chain(self):
        """The genuine keys' block for another ledger says nothing here."""
        other = hashing.hasher(b'\x09' * 32)
        self.assert_not_registered(errors.NotFound,
                                   self.genuine.block(h=other))

    def test_the_only_one_on_a_console_that_lost_old_text(self):
        """Nothing shows it but the fingerprint that a person compares."""
        self.assert_not_registered(
            errors.BadSignature, self.injector.block(),
            fingerprint=self.genuine.fingerprint())

    def test_after_the_registration(self):
        self.assert_registered(self.genuine, self.genuine.block())
        exc = self.assert_not_registered(errors.Duplicate,
                                         self.injector.block())
        self.assertEqual(
            (self.genuine.fingerprint(), self.injector.fingerprint()),
            (exc.details['known'], exc.details['shown']))
        self.assert_not_registered(
            errors.BadSignature,
            self.genuine.block() + self.injector.block(), replace=True)

    def test_text_around_and_inside(self):
        """Broken blocks count for nothing, whatever they are broken with."""
        good, bad = self.genuine.block(), self.injector.block()
        lines = bad.splitlines(keepends=True)
        halves = (''.join(lines[:3]), ''.join(lines[3:]))
        noise = ('\x1b[2J\x1b[1;1H', console_block.BEGIN + '\n',
                 console_block.END + '\n', '\x00' * 100, 'A' * 9000 + '\n')
        for text in (halves[0], halves[1], halves[0] + halves[0],
                     halves[1] + halves[0], *noise,
                     halves[0] + tenant_case.BOOT_TEXT + halves[1],
                     lines[0] + 'not base64!\n' + lines[-1],
                     lines[0] + 'QUJD\n' + lines[-1]):
            self.assert_not_registered(errors.NotFound, text)
            self.assert_registered(
                self.genuine, text + '\n' + good + '\n' + text)

    def test_a_flood_of_text(self):
        text = 'x' * console_block.CONSOLE_MAX_CHARS
        self.assert_not_registered(errors.TooLarge,
                                   text + self.genuine.block())
