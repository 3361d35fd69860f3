# SPDX-License-Identifier: Apache-2.0
"""Tests of ``backup`` and ``restore`` without a running node."""

import configparser
import contextlib
import io
import os
import tarfile
import types

from tacker_ledger.cmd import manage
from tacker_ledger.cmd import manage_backup
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.ledger import federation
from tacker_ledger.storage import doubt
from tacker_ledger.storage import environment
from tacker_ledger.storage import lock
from tacker_ledger.storage import store
from tacker_ledger.tests import base


class TestBackup(base.TestCase):
    """A member's directory as ``federation init`` makes it."""

    def setUp(self):
        super().setUp()
        self.directory = self.make_directory()
        self.made = self.make_federation('made')
        self.home = self.made / 'node-1'
        self.config = self.home / 'tacker-ledger.conf'
        self.output = self.directory / 'b.tar'
        self.found()

    def make_federation(self, name):
        status, _, err = self.run_manage(
            'federation', 'init', '--nodes', '2', '--suite', 'ed25519',
            '--directory', str(self.directory / name))
        self.assertEqual(0, status, err)
        return self.directory / name

    def found(self):
        """Store the genesis block of node-1."""
        signed = (self.home / 'federation.cbor').read_bytes()
        genesis = federation.check_genesis(
            providers.default(),
            federation.SignedFederation.from_bytes(signed))
        store.LedgerStore(self.home / 'data', genesis, signed,
                          max_bytes=1 << 26).close()

    def run_manage(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = manage.main([str(one) for one in arguments])
        return status, out.getvalue(), err.getvalue()

    def backup(self, *more, config=None):
        return self.run_manage('backup', '--config-file',
                               config or self.config, '--output',
                               self.output, *more)

    def restore(self, *where):
        return self.run_manage('restore', '--from', self.output, *where)

    def empty(self):
        data = self.home / 'data'
        data.rename(self.home / 'lost')
        data.mkdir()

    def names(self):
        with tarfile.open(self.output) as tar:
            return tar.getnames()[1:]

    def refused(self, code, outcome, *texts):
        status, out, err = outcome
        self.assertEqual((1, ''), (status, out))
        self.assertTrue(err.startswith(f'error: {code}: '), err)
        for text in texts:
            self.assertIn(text, err)

    def reason(self, data):
        env = environment.Environment(data, readonly=True)
        try:
            with env.read() as txn:
                return doubt.read(env, txn)
        finally:
            env.close()

    def test_secrets_stay_out_unless_asked_for(self):
        status, out, err = self.backup()
        self.assertEqual((0, ''), (status, err))
        self.assertIn('height 0', out)
        self.assertIn('without keys', out)
        self.assertEqual(['ledger.mdb', 'federation.cbor', 'node.pem',
                          'ca.pem'], self.names())
        data = self.output.read_bytes()
        self.assertEqual(0o600, self.output.stat().st_mode & 0o777)
        secrets = [(self.home / name).read_bytes() for name in (
            'vote.key', 'answer.key', 'node.key')]
        for secret in secrets:
            self.assertNotIn(secret, data)
        self.output.unlink()
        status, out, err = self.backup('--with-keys')
        self.assertEqual((0, ''), (status, err))
        self.assertIn('SECRET KEYS', out)
        for secret in secrets:
            self.assertIn(secret, self.output.read_bytes())
        self.assertEqual(['b.tar', 'made'],
                         sorted(os.listdir(self.directory)))

    def test_a_key_in_waiting_goes_with_the_others(self):
        (self.home / 'vote.key.next').write_bytes(bytes(32))
        os.chmod(self.home / 'vote.key.next', 0o600)
        self.backup('--with-keys')
        self.assertIn('vote.key.next', self.names())

    def test_files_of_one_name_are_kept_apart(self):
        other = self.home / 'other'
        other.mkdir()
        (self.home / 'ca.pem').rename(other / 'node.pem')
        parser = configparser.ConfigParser()
        parser.read(self.config)
        parser.set('node', 'ca_file', 'other/node.pem')
        with open(self.config, 'w') as file:
            parser.write(file)
        self.assertEqual(0, self.backup()[0])
        self.assertIn('ca_file-node.pem', self.names())

    def test_into_an_empty_data_directory(self):
        self.backup()
        self.empty()
        status, out, err = self.restore('--config-file', self.config)
        self.assertEqual((0, ''), (status, err))
        self.assertIn('observes before it votes', out)
        self.assertIn('restored from a backup of height 0',
                      self.reason(self.home / 'data'))

    def test_into_a_new_directory_with_everything(self):
        self.backup('--with-keys')
        home = self.directory / 'new'
        status, out, err = self.restore('--directory', home)
        self.assertEqual((0, ''), (status, err))
        self.assertNotIn('put them there', out)
        for name in ('tacker-ledger.conf', 'federation.cbor', 'node.pem',
                     'ca.pem', 'node.key', 'vote.key', 'answer.key'):
            self.assertEqual((self.home / name).read_bytes(),
                             (home / name).read_bytes())
        for name in ('node.key', 'vote.key', 'answer.key',
                     'tacker-ledger.conf'):
            self.assertEqual(0o600, (home / name).stat().st_mode & 0o777)
        self.assertNotEqual('', self.reason(home / 'data'))

    def test_it_says_when_the_keys_are_lacking(self):
        self.backup()
        _, out, _ = self.restore('--directory', self.directory / 'new')
        self.assertIn('keys and configuration are not in the backup', out)

    def test_never_over_what_is_there(self):
        self.backup()
        self.refused('bad-option', self.backup(), 'exists already')
        self.refused('bad-option', self.restore(
            '--config-file', self.config), 'not empty')
        self.refused('bad-option', self.restore(
            '--directory', self.home), 'not empty')
        self.assertEqual('', self.reason(self.home / 'data'))

    def test_never_over_a_living_node(self):
        self.backup()
        with lock.DirectoryLock(self.home / 'data'):
            self.refused('busy', self.restore('--config-file', self.config))

    def test_another_member_or_chain(self):
        self.backup()
        other = self.made / 'node-0' / 'tacker-ledger.conf'
        self.refused('bad-option', self.restore('--config-file', other),
                     'votes are its own')
        stranger = self.make_federation('strange') / 'node-1'
        self.refused('wrong-federation', self.restore(
            '--config-file', stranger / 'tacker-ledger.conf'))

    def test_a_damaged_backup_leaves_nothing(self):
        self.backup('--with-keys')
        data = bytearray(self.output.read_bytes())
        at = data.index((self.home / 'node.pem').read_bytes()[:40])
        data[at] ^= 1
        self.output.write_bytes(data)
        home = self.directory / 'new'
        self.refused('bad-document', self.restore('--directory', home))
        self.assertEqual(['lock'], os.listdir(home / 'data'))
        self.assertEqual(['data'], os.listdir(home))
        # so it can be tried again with a sound one
        self.output.unlink()
        self.backup('--with-keys')
        self.assertEqual(0, self.restore('--directory', home)[0])

    def test_nothing_to_back_up(self):
        self.empty()
        self.refused('not-found', self.backup())
        self.refused('bad-option', self.restore(
            '--config-file', self.config), 'b.tar')

    def test_no_room(self):
        self.patch(manage_backup.shutil, 'disk_usage',
                   lambda path: types.SimpleNamespace(free=10))
        self.refused('storage-failed', self.backup(), '10 bytes free')
        self.assertFalse(self.output.exists())
