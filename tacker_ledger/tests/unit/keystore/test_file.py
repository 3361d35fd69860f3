# SPDX-License-Identifier: Apache-2.0
"""Tests of the file keystore."""

import os
import stat

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.keystore import base as keystore
from tacker_ledger.keystore import file
from tacker_ledger.tests import base

SECRET = b'not to be seen in the clear'


class TestFileKeystore(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory() / 'keys'
        self.store = file.FileKeystore(self.directory)

    def test_a_generated_pair_is_there_after_a_restart(self):
        pair = self.store.generate('tenant', 2)
        again = file.FileKeystore(self.directory).pair('tenant')
        self.assertEqual(pair.document, again.document)
        provider = providers.default()
        self.assertTrue(provider.verify(
            pair.document, b'm', again.sign(b'm')))
        self.assertEqual(['tenant'], self.store.names())

    def test_modes(self):
        self.store.store('a', SECRET)
        self.assertEqual(0o700, stat.S_IMODE(self.directory.stat().st_mode))
        path = self.directory / 'a.key'
        self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))
        self.assertEqual(['a.key'], os.listdir(self.directory))

    def test_nothing_is_overwritten_unasked(self):
        self.store.store('a', SECRET)
        self.assertRaises(errors.Duplicate, self.store.store, 'a', b'x')
        self.assertRaises(errors.Duplicate, self.store.generate, 'a', 2)
        self.assertEqual(SECRET, self.store.secret('a'))
        self.store.store('a', b'x', replace=True)
        self.assertEqual(b'x', self.store.secret('a'))
        self.assertEqual(['a.key'], os.listdir(self.directory))

    def test_deleted_is_gone(self):
        self.store.store('a', SECRET)
        self.store.delete('a')
        self.assertRaises(errors.NotFound, self.store.secret, 'a')
        self.assertRaises(errors.NotFound, self.store.delete, 'a')

    def test_names_stay_inside_the_directory(self):
        for name in ('', '.', '..', '../x', 'a/b', 'a\0', 'ä', 'x' * 129,
                     'a\n'):
            self.assertRaises(errors.BadOption, self.store.store, name, b'x')
        self.assertEqual('a.b-C_9', keystore.check_name('a.b-C_9'))

    def test_a_file_open_to_others_is_refused(self):
        self.store.store('a', SECRET)
        (self.directory / 'a.key').chmod(0o640)
        self.assertRaises(errors.BadOption, self.store.secret, 'a')

    def test_damage_is_named(self):
        self.store.store('a', SECRET)
        path = self.directory / 'a.key'
        whole = path.read_bytes()
        for damaged in (whole[:-1], whole + b'\0', b'', b'\x82\x02\x80'):
            path.write_bytes(damaged)
            self.assertRaises(errors.CorruptStore, self.store.secret, 'a')

    def test_no_secret_in_repr(self):
        sealed = file.FileKeystore(self.directory, b'passphrase')
        self.assertNotIn('passphrase', repr(sealed))


class TestPassphrase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.store = file.FileKeystore(self.directory, b'open sesame')
        self.store.store('a', SECRET)

    def test_sealed_at_rest(self):
        self.assertNotIn(SECRET, (self.directory / 'a.key').read_bytes())
        self.assertEqual(SECRET, self.store.secret('a'))

    def test_another_passphrase(self):
        for passphrase in (b'open sesam', None):
            other = file.FileKeystore(self.directory, passphrase)
            error = self.assertRaises(errors.Undecryptable,
                                      other.secret, 'a')
            self.assertNotIn('sesam', str(error))

    def test_files_cannot_be_swapped(self):
        (self.directory / 'a.key').rename(self.directory / 'b.key')
        self.assertRaises(errors.Undecryptable, self.store.secret, 'b')

    def test_every_flipped_bit_of_the_ciphertext_is_noticed(self):
        path = self.directory / 'a.key'
        whole = path.read_bytes()
        for at in (len(whole) - 1, len(whole) - 20, len(whole) - len(SECRET)):
            changed = bytearray(whole)
            changed[at] ^= 1
            path.write_bytes(changed)
            self.assertRaises(errors.Undecryptable, self.store.secret, 'a')

    def test_unbounded_work_is_refused(self):
        path = self.directory / 'a.key'
        data = bytearray(path.read_bytes())
        self.assertEqual(15, data[4])
        data[4] = 20
        path.write_bytes(data)
        self.assertRaises(errors.CorruptStore, self.store.secret, 'a')

    def test_plain_files_stay_readable(self):
        file.FileKeystore(self.directory).store('plain', b'p')
        self.assertEqual(b'p', self.store.secret('plain'))


class TestFiles(base.TestCase):

    def test_passphrase_file(self):
        path = self.make_directory() / 'passphrase'
        path.write_bytes(b'open sesame\n')
        path.chmod(0o600)
        self.assertEqual(b'open sesame', file.read_passphrase(path))
        path.write_bytes(b'\n')
        self.assertRaises(errors.BadOption, file.read_passphrase, path)
        path.chmod(0o604)
        self.assertRaises(errors.BadOption, file.read_passphrase, path)

    def test_missing_and_long_files(self):
        path = self.make_directory() / 'seed'
        error = self.assertRaises(errors.BadOption,
                                  file.read_secret, path, 32)
        self.assertIn(str(path), str(error))
        file.write_secret(path, bytes(33))
        self.assertRaises(errors.BadOption, file.read_secret, path, 32)

    def test_a_failed_write_leaves_no_draft(self):
        path = self.make_directory() / 'seed'
        file.write_secret(path, b'1')
        self.assertRaises(FileExistsError, file.write_secret, path, b'2')
        self.assertEqual([path.name], os.listdir(path.parent))
        self.assertEqual(b'1', path.read_bytes())
