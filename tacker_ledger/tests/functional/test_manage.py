# SPDX-License-Identifier: Apache-2.0
"""The programs: exports are verified from their bytes, options are named."""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

from tacker_ledger.cmd import manage
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import export
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import federation_document
from tacker_ledger.storage import environment
from tacker_ledger.storage import store
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation


def run_node(config_file) -> subprocess.CompletedProcess[str]:
    """Run a node that is to end by itself."""
    return subprocess.run(
        [sys.executable, '-m', 'tacker_ledger.cmd.node', '--config-file',
         str(config_file)], cwd=base.CHECKOUT, capture_output=True,
        text=True, timeout=60, check=False)


class TestChain(base.TestCase):
    """A chain with transactions and heartbeats, stopped, then exported."""

    TIMEOUT_SCALE = 4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = federation.Federation(2, heartbeat_seconds=0.3)
        cls.addClassCleanup(cls.members.close)
        author = authors.Author(cls.members.h, suite=1)
        cls.count = 12
        for number in range(cls.count):
            result, = cls.members.submit(
                number % 2, author.template().submission)
            assert result.accepted, result
            cls.members.wait_height(
                cls.members.status(0)['height'] + 1, [0])
        for index in (0, 1):
            cls.members.stop(index)
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch)
        cls.file = cls.scratch / 'one.chain'
        cls.members.manage('chain', 'export', str(cls.members.data(0)),
                           str(cls.file))

    def verify(self, source, *more):
        return self.members.manage('chain', 'verify', str(source), *more,
                                   check=False)

    def test_an_export_verifies_from_its_bytes_alone(self):
        done = self.verify(self.file, '--federation',
                           str(self.members.genesis_file), '--json')
        self.assertEqual(0, done.returncode, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(self.count, found['transactions'])
        self.assertEqual(self.members.h.chain_id.hex(), found['chain_id'])

    def test_another_implementation_agrees(self):
        done = subprocess.run(
            [sys.executable, '-m', 'tacker_ledger.tests.independent',
             str(self.file), '--chain-id', self.members.h.chain_id.hex()],
            cwd=base.CHECKOUT, capture_output=True, text=True, timeout=60,
            check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(f'{self.count} transactions', done.stdout)

    def test_a_data_directory_verifies(self):
        done = self.verify(self.members.data(1))
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(f'{self.count} transactions', done.stdout)

    def test_an_export_in_several_files(self):
        directory = self.make_directory() / 'export'
        self.members.manage('chain', 'export', str(self.members.data(0)),
                            str(directory), '--file-mib', '1')
        files = sorted(directory.glob('*' + export.SUFFIX))
        self.assertEqual(self.file.read_bytes(),
                         b''.join(path.read_bytes() for path in files))
        self.assertEqual(0, self.verify(directory).returncode)
        # cut anywhere, joined in the order of names
        whole = self.file.read_bytes()
        cut = self.make_directory()
        for number, at in enumerate(range(0, len(whole), 1000)):
            (cut / f'{number:04d}{export.SUFFIX}').write_bytes(
                whole[at:at + 1000])
        self.assertEqual(0, self.verify(cut).returncode)

    def test_another_chain_than_expected(self):
        done = self.verify(self.file, '--chain-id', 64 * '0')
        self.assertEqual(1, done.returncode)
        self.assertIn('error: wrong-federation: ', done.stderr)

    def test_nothing_is_overwritten(self):
        done = self.members.manage(
            'chain', 'export', str(self.members.data(0)), str(self.file),
            check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn('error: bad-option: ', done.stderr)

    def test_a_cut_export(self):
        whole = self.file.read_bytes()
        path = self.make_directory() / 'cut.chain'
        path.write_bytes(whole[:-1])
        done = self.verify(path)
        self.assertEqual(1, done.returncode)
        self.assertIn('error: malformed: ', done.stderr)
        self.assertIn('stream offset ', done.stderr)

    def test_stored_values_that_the_chain_does_not_certify(self):
        copy = self.make_directory() / 'data'
        shutil.copytree(self.members.data(1), copy, ignore=(
            shutil.ignore_patterns('node.sock', 'lock')))
        env = environment.Environment(copy)
        with env.write() as txn:
            key, value = environment.last(txn, env.state)
            environment.put(txn, env.state, key,
                            value[:-1] + bytes([value[-1] ^ 1]))
        env.close()
        done = self.verify(copy)
        self.assertEqual(1, done.returncode)
        self.assertIn('error: corrupt-store: ', done.stderr)


class TestFlippedBytes(base.TestCase):
    """A flipped byte anywhere in an export is found."""

    TIMEOUT_SCALE = 4

    def test_every_class_of_bytes(self):
        with federation.Federation(2, heartbeat_seconds=0.3) as members:
            author = authors.Author(members.h)
            for _ in range(2):
                result, = members.submit(0, author.template(60).submission)
                self.assertTrue(result.accepted)
                members.wait_height(members.status(0)['height'] + 1, [0])
            members.stop(0)
            path = self.make_directory() / 'x.chain'
            members.manage('chain', 'export', str(members.data(0)),
                           str(path))
            document = str(members.genesis_file)
            whole = path.read_bytes()
            chosen = random.Random(8).sample(range(len(whole)), 250)
            # the last record: header, certificate, signatures
            chosen += range(len(whole) - 300, len(whole), 7)
            missed = []
            for at in chosen:
                changed = bytearray(whole)
                changed[at] ^= 0x01
                path.write_bytes(changed)
                with contextlib.redirect_stderr(io.StringIO()):
                    status = manage.main(['chain', 'verify', str(path),
                                          '--federation', document])
                if status == 0:
                    missed.append(at)
            self.assertEqual([], missed)


class TestOptions(base.TestCase):
    """A wrong start names its option and changes nothing."""

    TIMEOUT_SCALE = 4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = federation.Federation(2, start=False)
        cls.addClassCleanup(cls.members.close)
        cls.before = cls.members.config_file(0).read_bytes()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.members.config_file(0).write_bytes, self.before)

    def refused(self, option: str, code: str = 'bad-option'):
        done = run_node(self.members.config_file(0))
        self.assertEqual(1, done.returncode)
        line = done.stderr.rstrip().splitlines()[-1]
        self.assertTrue(line.startswith(f'error: {code}: '), done.stderr)
        self.assertIn(option, line)
        self.assertNotIn('Traceback', done.stderr)

    def test_values(self):
        directory = self.make_directory()
        empty = directory / 'empty'
        empty.write_bytes(b'')
        empty.chmod(0o600)
        home = self.members.home(1)
        for group, option, value in (
                ('node', 'member', 'nobody'),
                ('node', 'federation_document', directory / 'missing'),
                ('node', 'federation_document', empty),
                ('node', 'vote_key_file', home / 'vote.key'),
                ('node', 'vote_key_file', empty),
                ('node', 'answer_key_file', home / 'vote.key'),
                ('node', 'certificate_file', home / 'node.pem'),
                ('node', 'certificate_file', empty),
                ('node', 'node_key_file', directory / 'missing'),
                ('node', 'ca_file', empty),
                ('node', 'engine', 'raft'),
                ('node', 'admission', 'everybody'),
                ('node', 'enrolled_keys', 'abc'),
                ('node', 'neighbours', 'node-7=127.0.0.1:1'),
                ('node', 'data_directory', empty),
                ('node', 'bind_host', '192.0.2.1'),
                ('node', 'pool_max_bytes', '1'),
                ('door', 'port', 'ninety'),
                ('database', 'connection', 'nonsense://')):
            self.members.config_file(0).write_bytes(self.before)
            self.members.configure(0, {group: {option: value}})
            self.refused(option)

    def test_open_admission_on_a_reachable_door(self):
        self.members.configure(0, {'node': {'admission': 'open'},
                                   'door': {'host': '0.0.0.0'}})
        self.refused('admission')

    def test_a_secret_open_to_others(self):
        path = self.members.home(0) / 'vote.key'
        path.chmod(0o644)
        self.addCleanup(path.chmod, 0o600)
        self.refused('vote_key_file')

    def test_rules_that_this_release_does_not_know(self):
        genesis = self.members.genesis
        provider = providers.default()
        ca = self.members.directory / 'ca'
        issuer = provider.load_private((ca / 'issuer.key').read_bytes())
        document = federation_document.Document.from_bytes(genesis.raw)
        later = dataclasses.replace(document, rules=((0, 2),))
        signed = federation_module.issue(issuer, later)
        h = hashing.hasher(federation_module.chain_id_of(signed.document))
        pairs = [provider.load_private(
            (self.members.home(index) / 'node.private').read_bytes())
            for index in range(2)]
        signed = signed.with_approvals(
            federation_module.approve(h, pair, signed,
                                      federation_module.SIDE_OWN, index)
            for index, pair in enumerate(pairs))
        path = self.make_directory() / 'federation.cbor'
        path.write_bytes(signed.to_bytes())
        self.members.configure(0, {'node': {'federation_document': path}})
        self.refused('rules', 'unsupported-version')

    def test_another_chain_in_the_directory(self):
        with federation.Federation(2, start=False) as other:
            shutil.copytree(self.members.home(0), other.home(0) / 'copy')
            other.configure(0, {'node': {
                'data_directory': self.members.data(0)}})
            # the first federation's node has founded its chain there
            store.LedgerStore(
                self.members.data(0), self.members.genesis,
                self.members.genesis_file.read_bytes()).close()
            done = run_node(other.config_file(0))
            self.assertEqual(1, done.returncode)
            self.assertIn('error: wrong-federation: ', done.stderr)


class TestInit(base.TestCase):

    def test_secrets_are_for_their_owner(self):
        with federation.Federation(3, start=False) as members:
            for path in members.directory.rglob('*'):
                secret = path.suffix in ('.key', '.private')
                if secret:
                    self.assertEqual(0o600, path.stat().st_mode & 0o777, path)
            names = {path.name for path in members.home(2).iterdir()}
            self.assertEqual(
                {'tacker-ledger.conf', 'node.pem', 'node.key',
                 'node.private', 'vote.key', 'answer.key', 'ca.pem',
                 'federation.cbor', 'data'}, names)
            self.assertEqual(3, members.genesis.size)

    def test_arguments(self):
        directory = self.make_directory()
        for arguments in (
                ('--nodes', '0'), ('--nodes', '101'),
                ('--nodes', '2', '--base-port', '65500'),
                ('--nodes', '2', '--host', 'a', '--host', 'b',
                 '--host', 'c'),
                ('--nodes', '2', '--days', '0'),
                ('--nodes', '2', '--heartbeat-seconds', '0'),
                ('--nodes', '2', '--name-prefix', '/'),
                ('--nodes', '2', '--plain-http', '--host', '192.0.2.1')):
            done = subprocess.run(
                [sys.executable, '-m', 'tacker_ledger.cmd.manage',
                 'federation', 'init', '--directory',
                 str(directory / 'new'), *arguments], text=True,
                capture_output=True, check=False, cwd=base.CHECKOUT)
            self.assertEqual(1, done.returncode, arguments)
            self.assertIn('error: bad-option: ', done.stderr)
            self.assertFalse(os.path.exists(directory / 'new'), arguments)

    def test_a_directory_in_use_is_left_alone(self):
        directory = self.make_directory()
        done = subprocess.run(
            [sys.executable, '-m', 'tacker_ledger.cmd.manage', 'federation',
             'init', '--nodes', '1', '--directory', str(directory)],
            text=True, capture_output=True, check=False, cwd=base.CHECKOUT)
        self.assertEqual(1, done.returncode)
        self.assertEqual([], os.listdir(directory))

    def test_the_ed25519_suite(self):
        with federation.Federation(1, init=['--suite', 'ed25519']) as one:
            author = authors.Author(one.h)
            result, = one.submit(0, author.template().submission)
            self.assertTrue(result.accepted, result)
            one.wait_until(
                lambda: one.status(0)['pool']['transactions'] == 0, 10.0)
