# SPDX-License-Identifier: Apache-2.0
"""The golden vectors: made anew they are the same, read back they hold."""

import contextlib
import io
import pathlib

import fixtures

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.core import merkle
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core import test_codec
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors.formats import canonical_cbor
from tacker_ledger.tests.vectors import make

unhex = bytes.fromhex


class TestFiles(base.TestCase):
    """The files are what the modules make, no more, no less."""

    def test_made_anew_they_are_the_same(self):
        for name, module in vectors.registry().items():
            self.assertEqual(
                vectors.path_of(name).read_text(encoding='utf-8'),
                vectors.render(module.make()),
                f'{name}: the format has changed, or make it anew')

    def test_every_file_has_its_module(self):
        files = {path.stem for path in vectors.DIRECTORY.glob('*.json')}
        self.assertEqual(set(vectors.registry()), files)

    def test_the_command_tells_and_mends(self):
        directory = self.make_directory()
        self.useFixture(self._moved(directory))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(1, make.main(['--check', 'padding']))
            self.assertEqual([], list(directory.iterdir()))
            self.assertEqual(0, make.main(['padding']))
            self.assertEqual(0, make.main(['--check', 'padding']))
            (directory / 'padding.json').write_text('{}\n')
            self.assertEqual(1, make.main(['--check', 'padding']))
        self.assertEqual('padding differs\npadding written\n'
                         'padding differs\n', out.getvalue())
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertRaises(SystemExit, make.main, ['no-such-format'])

    def _moved(self, directory: pathlib.Path):
        return fixtures.MonkeyPatch(
            'tacker_ledger.tests.vectors.DIRECTORY', directory)


class TestCanonicalCbor(base.TestCase):
    """Encodings of the subset."""

    def setUp(self):
        super().setUp()
        self.vectors = vectors.load('canonical-cbor')

    def test_accepted(self):
        for case in self.vectors['accepted']:
            value = canonical_cbor.restored(case['value'])
            data = unhex(case['encoded'])
            self.assertEqual(data, codec.encode(value))
            back = codec.decode(data, test_codec.ANY, 1024)
            self.assertEqual(value, back)
            self.assertIs(type(value), type(back))

    def test_refused(self):
        self.assertGreater(len(self.vectors['refused']), 40)
        for case in self.vectors['refused']:
            self.assertRaises(errors.Malformed, codec.decode,
                              unhex(case['encoded']), test_codec.ANY, 1024)

    def test_refused_before_anything_is_built(self):
        for case in self.vectors['refused']:
            with self.assertRaisesRegex(errors.Malformed, '.',
                                        msg=case['why']):
                codec._scan(unhex(case['encoded']))


class TestTaggedHashes(base.TestCase):
    """Every tag."""

    def test_vectors(self):
        data = vectors.load('tagged-hashes')
        tags = {tag.label: tag for tag in hashing.Tag}
        seen = set()
        for case in data['vectors']:
            tag = tags[case['tag']]
            seen.add(tag)
            chain_id = unhex(data['chain_id']) if case['chain_bound'] else None
            parts = [unhex(part) for part in case['parts']]
            self.assertEqual(case['message'], hashing.tagged_message(
                tag, *parts, chain_id=chain_id).hex())
            self.assertEqual(case['hash'], hashing.tagged_hash(
                tag, *parts, chain_id=chain_id).hex())
        self.assertEqual(set(hashing.Tag), seen)
        inner = data['inner_node']
        self.assertEqual(inner['node'], hashing.inner_node(
            unhex(inner['left']), unhex(inner['right'])).hex())


class TestMerkleTrees(base.TestCase):
    """Roots and paths."""

    def test_vectors(self):
        data = vectors.load('merkle-trees')
        leaves = [unhex(leaf) for leaf in data['leaves']]
        for tree in data['trees']:
            size, root = tree['size'], unhex(tree['root'])
            self.assertEqual(root, merkle.root(leaves[:size]))
            self.assertEqual(size, len(tree['paths']))
            for index, path in enumerate(tree['paths']):
                self.assertTrue(merkle.verify(
                    leaves[index], index, size,
                    [unhex(node) for node in path], root))


class TestPadding(base.TestCase):
    """Size classes and paddings."""

    def setUp(self):
        super().setUp()
        self.vectors = vectors.load('padding')

    def test_classes(self):
        for case in self.vectors['padme']:
            self.assertEqual(case['class'], envelope.padme(case['size']))

    def test_padded(self):
        for case in self.vectors['padded']:
            data, padded = unhex(case['data']), unhex(case['padded'])
            self.assertEqual(padded, envelope.pad(data))
            self.assertEqual(data, envelope.unpad(padded))

    def test_refused(self):
        for case in self.vectors['refused']:
            self.assertRaises(errors.Malformed, envelope.unpad,
                              unhex(case['padded']))


class TestByProvider(base.TestCase):
    """What depends on a library, with each of them."""

    def setUp(self):
        super().setUp()
        self.providers = [providers.load(name) for name in providers.names()]

    def test_key_documents(self):
        data = vectors.load('key-documents')
        for case in data['accepted']:
            document = suite.KeyDocument.from_bytes(unhex(case['document']))
            self.assertEqual(case['key_id'], document.key_id.hex())
            self.assertEqual(case['suite'], document.suite)
            self.assertEqual(case['signing'], document.signing.hex())
            self.assertEqual(case['encryption'], document.encryption
                             and document.encryption.hex())
            for provider in self.providers:
                pair = provider.load_private(unhex(case['private']))
                self.assertEqual(document, pair.document)
                self.assertEqual(case['private'],
                                 pair.to_private_bytes().hex())
        for case in data['refused']:
            with self.assertRaisesRegex(errors.BadKey, '.', msg=case['why']):
                suite.KeyDocument.from_bytes(unhex(case['document']))

    def test_signatures(self):
        data = vectors.load('signatures')
        for verdict in ('accepted', 'refused'):
            for case in data[verdict]:
                document = suite.KeyDocument.from_bytes(
                    unhex(case['document']))
                message = unhex(case['message'])
                signature = unhex(case['signature'])
                for provider in self.providers:
                    self.assertIs(
                        verdict == 'accepted',
                        provider.verify(document, message, signature),
                        f'{case["why"]}, {provider.name}')
                    if document.suite != 2:
                        continue
                    self.assertIs(
                        verdict == 'accepted',
                        provider.verify_raw_ed25519(
                            document.signing[-32:], message, signature))

    def test_wraps(self):
        data = vectors.load('wraps')
        for provider in self.providers:
            for case in data['accepted']:
                pair = provider.load_private(unhex(case['private']))
                self.assertEqual(case['document'],
                                 pair.document.to_bytes().hex())
                self.assertEqual(data['content_key'],
                                 pair.unwrap(unhex(case['wrap'])).hex())
            for case in data['refused']:
                pair = provider.load_private(unhex(case['private']))
                with self.assertRaisesRegex(errors.Undecryptable, '.',
                                            msg=case['why']):
                    pair.unwrap(unhex(case['wrap']))

    def test_envelope(self):
        data = vectors.load('envelope')
        hasher = hashing.hasher(unhex(data['chain_id']))
        common = {name: unhex(data[name])
                  for name in ('content_key', 'nonce', 'associated_data')}
        self.assertEqual(data['commitment'], envelope.commitment(
            hasher, common['content_key'], common['nonce']).hex())
        for provider in self.providers:
            for case in data['accepted']:
                self._opens(provider, hasher, common,
                            unhex(data['commitment']), case)
            for case in data['refused']:
                values = dict(common)
                for name in set(common) & set(case):
                    values[name] = unhex(case[name])
                error = self.assertRaises(
                    errors.LedgerError, envelope.open_sealed, provider,
                    hasher, ciphertext=unhex(case['ciphertext']),
                    compression=case['compression'],
                    commitment=unhex(data['commitment']),
                    content_key=values['content_key'],
                    nonce16=values['nonce'],
                    associated_data=values['associated_data'])
                self.assertEqual(case['code'], error.code, case['why'])

    def _opens(self, provider, hasher, common, commitment, case):
        packed = unhex(case['compressed'])
        self.assertEqual(case['padded'], envelope.pad(packed).hex())
        ciphertext = provider.seal(
            common['content_key'], common['nonce'][:12],
            unhex(case['padded']), common['associated_data'])
        self.assertEqual(case['ciphertext'], ciphertext.hex())
        self.assertLessEqual(len(ciphertext), limits.CONFIGURATION_MAX_BYTES)
        self.assertEqual(case['payload'], envelope.open_sealed(
            provider, hasher, ciphertext=ciphertext,
            compression=case['compression'], commitment=commitment,
            content_key=common['content_key'], nonce16=common['nonce'],
            associated_data=common['associated_data']).hex())
