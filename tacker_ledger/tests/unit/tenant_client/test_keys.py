# SPDX-License-Identifier: Apache-2.0
"""The tenant's key pairs."""

import hypothesis
from hypothesis import strategies

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.keystore import file as keystore_file
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys
from tacker_ledger.tenant_client import store
from tacker_ledger.tests import base

PASSPHRASE = b'correct horse battery'


class KeyCase(base.TestCase):
    """A key ring in a directory of its own."""

    def ring(self, directory=None, passphrase=None):
        place = store.Store(directory or self.make_directory())
        provider = providers.default()
        return keys.KeyRing(place, keystore_file.FileKeystore(
            place.path('keys'), passphrase, provider), provider)

    def setUp(self):
        super().setUp()
        self.subject = self.ring()


class TestKeyRing(KeyCase):
    """Making and finding keys."""

    def test_create(self):
        key = self.subject.create('alice', suite='ed25519')
        self.assertEqual(('alice', 'tenant', 'ed25519'),
                         (key.name, key.kind, key.suite_name))
        self.assertEqual(key, self.subject.find('alice'))
        self.assertEqual(key.document, self.subject.pair(key).document)

    def test_default_suite(self):
        self.assertEqual('rsa2048', self.subject.create('a').suite_name)

    def test_names_by_kind(self):
        for kind in keys.KINDS:
            self.subject.create('alice', kind, 'ed25519')
        self.assertEqual(
            [('auditor', 'alice'), ('recovery', 'alice'),
             ('tenant', 'alice')],
            [(key.kind, key.name) for key in self.subject.list_all()])
        self.assertEqual(1, len(self.subject.list_all(keys.RECOVERY)))

    def test_what_cannot_be(self):
        self.subject.create('alice', suite='ed25519')
        self.assertRaises(errors.Duplicate, self.subject.create, 'alice',
                          suite='ed25519')
        for name in ('', '../x', 'a b', 'x' * 65, '.a'):
            self.assertRaises(errors.BadOption, self.subject.create, name)
        self.assertRaises(errors.BadOption, self.subject.create, 'b',
                          'emperor')
        self.assertRaises(errors.BadOption, self.subject.create, 'b',
                          suite='rot13')
        self.assertRaises(errors.NotFound, self.subject.find, 'b')

    def test_choose(self):
        self.assertRaises(errors.NotFound, self.subject.choose, None)
        alice = self.subject.create('alice', suite='ed25519')
        self.assertEqual(alice, self.subject.choose(''))
        self.subject.create('bob', suite='ed25519')
        self.assertRaises(errors.BadOption, self.subject.choose, None)
        self.assertEqual(alice, self.subject.choose('alice'))

    def test_listing_opens_no_private_key(self):
        directory = self.make_directory()
        self.ring(directory, PASSPHRASE).create('alice', suite='ed25519')
        other = self.ring(directory, b'another passphrase')
        [key] = other.list_all()
        self.assertRaises(errors.Undecryptable, other.pair, key)

    def test_public_halves_are_found_again(self):
        directory = self.make_directory()
        key = self.ring(directory).create('alice', suite='ed25519')
        for path in (directory / 'public').iterdir():
            path.unlink()
        self.assertEqual([key], self.ring(directory).list_all())

    def test_group_keys(self):
        first = self.subject.create_group_key('web', 1, 2)
        self.assertEqual(first, self.subject.create_group_key('web', 1, 2))
        self.assertNotEqual(first,
                            self.subject.create_group_key('web', 2, 2))
        pair = providers.default().load_private(
            self.subject.group_secret('web', 1))
        self.assertEqual(first, pair.document)
        self.assertEqual([], self.subject.list_all())


class TestBackup(KeyCase):
    """One encrypted file brings everything back."""

    def setUp(self):
        super().setUp()
        self.alice = self.subject.create('alice', suite='ed25519')
        self.subject.create_group_key('web', 1, 2)
        self.file = self.make_directory() / 'backup'
        self.assertEqual(2, self.subject.backup(self.file, PASSPHRASE))

    def test_restore(self):
        other = self.ring()
        self.assertEqual((2, False), other.restore(self.file, PASSPHRASE))
        self.assertEqual([self.alice], other.list_all())
        self.assertEqual(self.subject.group_secret('web', 1),
                         other.group_secret('web', 1))
        self.assertEqual((0, False), other.restore(self.file, PASSPHRASE))

    def test_the_inventory_comes_along(self):
        contents = inventory.Inventory(self.subject._store)
        with contents.change() as changing:
            changing.names['00' * 16] = 'rules'
        file = self.make_directory() / 'backup'
        self.subject.backup(file, PASSPHRASE)
        other = self.ring()
        self.assertEqual((2, True), other.restore(file, PASSPHRASE))
        self.assertEqual({'00' * 16: 'rules'},
                         inventory.Inventory(other._store).read().names)

    def test_no_secret_in_the_clear(self):
        data = self.file.read_bytes()
        for name in self.subject._keystore.names():
            secret = self.subject._keystore.secret(name)
            self.assertNotIn(secret[20:60], data)
            self.assertNotIn(name.encode(), data)

    def test_nothing_is_overwritten(self):
        self.assertRaises(errors.BadOption, self.subject.backup, self.file,
                          PASSPHRASE)
        self.assertRaises(errors.BadOption, self.subject.backup,
                          self.file.parent / 'no' / 'such', PASSPHRASE)

    def test_another_key_of_the_same_name(self):
        other = self.ring()
        mine = other.create('alice', suite='ed25519')
        self.assertRaises(errors.Duplicate, other.restore, self.file,
                          PASSPHRASE)
        self.assertEqual([mine], other.list_all())
        self.assertEqual(['tenant.alice'], other._keystore.names())

    def test_wrong_passphrase(self):
        self.assertRaises(errors.Undecryptable, self.ring().restore,
                          self.file, b'wrong passphrase')

    def test_damaged(self):
        data = self.file.read_bytes()
        other = self.ring()
        for position in range(8, len(data), 41):
            broken = bytearray(data)
            broken[position] ^= 1
            self.file.write_bytes(bytes(broken))
            self.assertRaises(errors.LedgerError, other.restore, self.file,
                              PASSPHRASE)
        self.assertEqual([], other._keystore.names())

    def test_not_a_backup(self):
        self.file.write_bytes(b'hello')
        self.assertRaises(errors.Malformed, self.ring().restore, self.file,
                          PASSPHRASE)
        self.assertRaises(errors.BadOption, self.ring().restore,
                          self.file.parent / 'none', PASSPHRASE)


class TestPublicText(KeyCase):
    """Public keys as text to hand on."""

    def test_round_trip(self):
        for suite in ('rsa2048', 'ed25519'):
            document = self.subject.create(suite, suite=suite).document
            text = keys.public_text(document)
            self.assertEqual(document, keys.parse_public_text(
                f'Dear tenant,\r\n\r\n{text}\n-- \nACME'))
            self.assertLessEqual(max(map(len, text.splitlines())), 64)

    def test_none_and_several(self):
        text = keys.public_text(
            self.subject.create('a', suite='ed25519').document)
        for wrong in ('', text + text, text[:-10], text.replace('A', '!')):
            self.assertRaises(errors.BadKey, keys.parse_public_text, wrong)

    @hypothesis.settings(max_examples=50)
    @hypothesis.given(strategies.text(max_size=100))
    def test_any_text(self, body):
        text = f'{keys.BEGIN}\n{body}\n{keys.END}'
        try:
            keys.parse_public_text(text)
        except errors.BadKey:
            pass

    def test_files(self):
        file = self.make_directory() / 'key'
        self.assertRaises(errors.BadOption, keys.read_public_file, file)
        file.write_bytes(b'x' * (keys.PUBLIC_FILE_MAX_BYTES + 1))
        self.assertRaises(errors.TooLarge, keys.read_public_file, file)
        file.write_bytes(b'\xff\xfe')
        self.assertRaises(errors.BadKey, keys.read_public_file, file)
