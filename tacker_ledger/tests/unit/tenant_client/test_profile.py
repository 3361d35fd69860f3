# SPDX-License-Identifier: Apache-2.0
"""Profiles: which chain, which nodes."""

import fixtures

from tacker_ledger.core import errors
from tacker_ledger.tenant_client import keys
from tacker_ledger.tenant_client import profile
from tacker_ledger.tenant_client import store
from tacker_ledger.tests import base
from tacker_ledger.tests import ledger_simulator


class TestProfile(base.TestCase):
    """Making, loading, and what they refuse."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.chain = ledger_simulator.Chain()
        cls.other = ledger_simulator.Chain(nonce=b'x' * 16)

    def setUp(self):
        super().setUp()
        self.store = store.Store(self.make_directory() / 'tenant')

    def create(self, chain=None, **fields):
        fields = {'ca_pem': None, **fields}
        return profile.create(
            self.store,
            signed_genesis=(chain or self.chain).signed.to_bytes(), **fields)

    def test_create_and_load(self):
        made = self.create(ca_pem='-----BEGIN...', suite='ed25519')
        self.assertEqual(self.chain.federation, made.genesis)
        self.assertEqual('-----BEGIN...', made.ca_pem)
        self.assertEqual('ed25519', made.suite)
        self.assertEqual(
            [(url, index) for index, url in enumerate(self.chain.urls)],
            list(made.nodes))
        self.assertEqual(made, profile.load(self.store))

    def test_again(self):
        self.create()
        self.create(nodes=[self.chain.urls[1]])
        self.assertEqual(((self.chain.urls[1], 1),),
                         profile.load(self.store).nodes)

    def test_another_chain(self):
        self.create()
        self.assertRaises(errors.Duplicate, self.create, self.other)
        self.assertEqual(self.chain.federation,
                         profile.load(self.store).genesis)

    def test_no_profile(self):
        error = self.assertRaises(errors.BadOption, profile.load, self.store)
        self.assertIn('init', error.message)

    def test_not_a_federation(self):
        for data in (b'', b'junk', self.chain.signed.document):
            self.assertRaises(
                errors.FormatError, profile.create, self.store,
                signed_genesis=data, ca_pem=None)
        self.assertIsNone(self.store.read(profile.FILE, 100_000))

    def test_other_nodes_for_once(self):
        self.create()
        loaded = profile.load(self.store, ['node-2=http://127.0.0.1:1'])
        self.assertEqual((('http://127.0.0.1:1', 2),), loaded.nodes)

    def test_nodes_that_cannot_be(self):
        for text in ('https://elsewhere.example', 'http://10.0.0.1:80',
                     'nobody=https://x.example', 'ftp://x', '', 'a b'):
            self.assertRaises(errors.BadOption, profile.parse_nodes,
                              self.chain.federation, [text])

    def test_wrong_options(self):
        self.create()
        path = self.store.path(profile.FILE)
        good = path.read_text()
        for line in ('suite = rot13', 'request_timeout_seconds = -1',
                     'request_timeout_seconds = soon',
                     'federation_document =',
                     'federation_document = elsewhere.cbor',
                     'ca_file = none.pem', 'crypto_provider = dice',
                     'key_passphrase_file = none'):
            name = line.partition(' ')[0]
            path.write_text('\n'.join(
                [one for one in good.splitlines()
                 if not one.startswith(name + ' ')] + [line, '']))
            error = self.assertRaises(errors.BadOption, profile.load,
                                      self.store)
            self.assertTrue(error.message, line)

    def test_not_an_option_file(self):
        self.create()
        self.store.path(profile.FILE).write_text('no section\n= x')
        self.assertRaises(errors.BadOption, profile.load, self.store)

    def test_keystore(self):
        made = self.create()
        keystore = profile.open_keystore(self.store, made)
        keystore.generate('tenant.x', 2)
        self.assertTrue(self.store.path('keys').is_dir())
        path = self.store.path(profile.FILE)
        path.write_text(path.read_text() + 'keystore = tin\n')
        self.assertRaises(errors.BadOption, profile.open_keystore,
                          self.store, profile.load(self.store))

    def test_passphrase(self):
        file = self.make_directory() / 'passphrase'
        file.write_text('correct horse\n')
        file.chmod(0o600)
        made = self.create(passphrase_file=str(file))
        self.assertEqual(b'correct horse', made.passphrase)
        self.assertNotIn('horse', repr(made))
        file.chmod(0o644)
        self.assertRaises(errors.BadOption, profile.load, self.store)

    def test_who_else_may_read(self):
        key = self.chain.provider.generate(2).document
        file = self.make_directory() / 'auditor'
        file.write_text(keys.public_text(key))
        made = self.create(auditor_key_file=str(file))
        self.assertEqual((None, key), (made.recovery, made.auditor))

    def test_default_directory(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'TACKER_LEDGER_HOME', '/somewhere'))
        self.assertEqual('/somewhere', str(profile.default_directory()))
        self.useFixture(fixtures.EnvironmentVariable('TACKER_LEDGER_HOME'))
        self.assertIn('tacker-ledger', str(profile.default_directory()))
