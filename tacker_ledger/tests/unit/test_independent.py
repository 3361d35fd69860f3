# SPDX-License-Identifier: Apache-2.0
"""Two readers, one by the product and one by the pages, must agree.

The golden vectors are read by the verifier that knows the specification
alone; every byte of a signed document is changed once and must be missed.
"""

import ast
import pathlib
import re
import sys

from tacker_ledger.tests import base
from tacker_ledger.tests import independent
from tacker_ledger.tests.independent import blocks
from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import envelope
from tacker_ledger.tests.independent import hashing
from tacker_ledger.tests.independent import keys
from tacker_ledger.tests.independent import payloads
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import state
from tacker_ledger.tests.independent import statemap
from tacker_ledger.tests.independent import transactions
from tacker_ledger.tests import independent_cases
from tacker_ledger.tests import vectors

PACKAGE = 'tacker_ledger.tests.independent'
ALLOWED = ('cryptography',)

unhexed = independent_cases.unhexed


def value_of(described):
    """Return the value that a vector of the encoding describes."""
    if isinstance(described, dict):
        (kind, text), = described.items()
        return bytes.fromhex(text) if kind == 'bytes' else int(text)
    if isinstance(described, list):
        return [value_of(each) for each in described]
    return described


class TestIndependence(base.TestCase):
    """The second reader shares nothing with the first."""

    def test_imports(self):
        """It imports itself, the standard library and cryptography."""
        directory = pathlib.Path(independent.__file__).parent
        modules = sorted(directory.glob('*.py'))
        self.assertGreater(len(modules), 10)
        for path in modules:
            for node in ast.walk(ast.parse(path.read_text('utf-8'))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module]
                for name in names:
                    self.assertTrue(
                        name == PACKAGE or name.partition('.')[0] in ALLOWED
                        or name.partition('.')[0] in sys.stdlib_module_names,
                        f'{path.name}: {name}')

    def test_every_vector_file_is_read(self):
        """A format with golden vectors has a second reader."""
        read = set()
        for path in pathlib.Path(__file__).parent.glob('test_independent*'):
            read.update(re.findall(r"\.load\(\s*'([a-z-]+)'\)",
                                   path.read_text('utf-8')))
        self.assertEqual(
            {path.stem for path in vectors.DIRECTORY.glob('*.json')}, read)


class TestEncoding(independent_cases.IndependentTestCase):
    """Canonical encoding, tagged hashes, Merkle trees, padding."""

    def test_accepted(self):
        """Both ways lead to the value and the bytes written down."""
        for case in self.load('canonical-cbor')['accepted']:
            value, encoded = value_of(case['value']), unhexed(case['encoded'])
            self.assertEqual(value, cbor.decode(encoded, len(encoded)))
            self.assertEqual(encoded, cbor.encode(value))

    def test_refused(self):
        """Nothing that is not canonical is read."""
        for case in self.load('canonical-cbor')['refused']:
            self.assert_refused('malformed', case['why'], cbor.decode,
                                unhexed(case['encoded']), 1 << 20)

    def test_too_much(self):
        """Size and number of items are bounded."""
        self.assert_refused('too-large', 'size', cbor.decode, b'\x40', 0)
        most = cbor.encode([0] * (cbor.MAX_ITEMS - 1))
        self.assertEqual(cbor.MAX_ITEMS - 1,
                         len(cbor.decode(most, len(most))))
        more = cbor.encode([0] * cbor.MAX_ITEMS)
        self.assert_refused('malformed', 'items', cbor.decode, more,
                            len(more))

    def test_tagged_hashes(self):
        """Each tag makes the message and the hash written down."""
        loaded = self.load('tagged-hashes')
        for case in loaded['vectors']:
            parts = [unhexed(part) for part in case['parts']]
            chain_id = self.chain_id if case['chain_bound'] else None
            self.assertEqual(case['message'], hashing.message(
                case['tag'], chain_id, *parts).hex())
            self.assertEqual(case['hash'], hashing.digest(
                case['tag'], chain_id, *parts).hex())
        self.assertEqual(loaded['inner_node']['node'], hashing.inner(
            unhexed(loaded['inner_node']['left']),
            unhexed(loaded['inner_node']['right'])).hex())

    def test_merkle_trees(self):
        """Roots and audit paths, and none of them for another place."""
        loaded = self.load('merkle-trees')
        leaves = [unhexed(leaf) for leaf in loaded['leaves']]
        for tree in loaded['trees']:
            size, root = tree['size'], unhexed(tree['root'])
            self.assertEqual(root, hashing.tree_root(leaves[:size]))
            for index, path in enumerate(tree['paths']):
                path = [unhexed(sibling) for sibling in path]
                hashing.check_path(leaves[index], index, size, path, root)
                self.assert_refused(
                    'bad-proof', 'another place', hashing.check_path,
                    leaves[index], index + 1, size, path, root)

    def test_padding(self):
        """Size classes, padding, and what is none."""
        loaded = self.load('padding')
        for case in loaded['padme']:
            self.assertEqual(case['class'], envelope.padme(case['size']))
        for case in loaded['padded']:
            data, padded = unhexed(case['data']), unhexed(case['padded'])
            self.assertEqual(padded, envelope.pad(data))
            self.assertEqual(data, envelope.unpad(padded))
        for case in loaded['refused']:
            self.assert_refused('malformed', case['why'], envelope.unpad,
                                unhexed(case['padded']))


class TestKeys(independent_cases.IndependentTestCase):
    """Key documents, signatures, wraps and the envelope."""

    def test_documents(self):
        """Ids are those written down, stored private keys belong to them."""
        loaded = self.load('key-documents')
        for case in loaded['accepted']:
            document = keys.parse(unhexed(case['document']))
            self.assertEqual(case['key_id'], document.key_id.hex())
            private = keys.parse_private(unhexed(case['private']))
            self.assertEqual(document.encoded,
                             cbor.encode(keys.public_half(private)))
        for case in loaded['refused']:
            self.assert_refused('bad-key', case['why'], keys.parse,
                                unhexed(case['document']))

    def test_signatures(self):
        """Of both suites, with what other verifiers disagree about."""
        loaded = self.load('signatures')
        for case in loaded['accepted']:
            keys.verify(keys.parse(unhexed(case['document'])),
                        unhexed(case['message']), unhexed(case['signature']))
        for case in loaded['refused']:
            self.assert_refused(
                'bad-signature', case['why'], keys.verify,
                keys.parse(unhexed(case['document'])),
                unhexed(case['message']), unhexed(case['signature']))

    def test_wraps(self):
        """Wraps of both suites open, the others do not."""
        loaded = self.load('wraps')
        for case in loaded['accepted']:
            self.assertEqual(loaded['content_key'], keys.unwrap(
                keys.parse_private(unhexed(case['private'])),
                unhexed(case['wrap'])).hex())
        for case in loaded['refused']:
            self.assert_refused(
                'undecryptable', case['why'], keys.unwrap,
                keys.parse_private(unhexed(case['private'])),
                unhexed(case['wrap']))

    def _open(self, case: dict) -> bytes:
        return envelope.open_sealed(
            self.chain_id, unhexed(case['content_key']),
            unhexed(case['commitment']), unhexed(case['nonce']),
            unhexed(case['associated_data']), case['compression'],
            unhexed(case['ciphertext']))

    def test_envelope(self):
        """What was sealed opens in four steps, or stops at the right one."""
        loaded = self.load('envelope')
        for case in loaded['accepted']:
            self.assertEqual(case['payload'],
                             self._open({**loaded, **case}).hex())
        for case in loaded['refused']:
            self.assert_refused(case['code'], case['why'], self._open,
                                {**loaded, **case})


class TestTransactions(independent_cases.IndependentTestCase):
    """Transactions, submissions and payloads."""

    def test_accepted(self):
        """Fields, ids, what is signed and what opens are as written."""
        loaded = self.load('transactions')
        for case in loaded['accepted']:
            made = transactions.parse(
                self.chain_id, unhexed(case['transaction']))
            self.assertEqual(case['txid'], made.txid.hex())
            self.assertEqual(case['sender_id'], made.sender.key_id.hex())
            self.assertEqual(list(case['fields'].values()),
                             vectors.hexed(made.fields))
            if 'content_key' in case:
                self._check_sealed(case, made)
            elif case['payload'] is not None:
                self.assertEqual(case['payload'], envelope.decompress(
                    made.fields[4], made.fields[15]).hex())
        self.assertEqual(loaded['cid']['cid'], transactions.first_cid(
            self.chain_id, unhexed(loaded['cid']['sender_id']),
            unhexed(loaded['cid']['nonce'])).hex())

    def _check_sealed(self, case: dict, made: transactions.Transaction):
        self.assertEqual(case['associated_data'], made.associated_data.hex())
        for place, private in case['readers'].items():
            content_key = keys.unwrap(keys.parse_private(unhexed(private)),
                                      made.fields[14][int(place)])
            self.assertEqual(case['content_key'], content_key.hex())
            self.assertEqual(case['payload'], transactions.open_configuration(
                self.chain_id, made, content_key).hex())

    def test_refused(self):
        """Each with its code."""
        for case in self.load('transactions')['refused']:
            self.assert_refused(case['code'], case['why'],
                                transactions.parse, self.chain_id,
                                unhexed(case['transaction']))

    def test_each_byte_counts(self):
        """A transaction with any one byte changed is none."""
        for case in self.load('transactions')['accepted']:
            encoded = unhexed(case['transaction'])
            step = 1 if len(encoded) < 700 else 7
            for place in range(0, len(encoded), step):
                changed = bytearray(encoded)
                changed[place] ^= 1 << place % 8
                self.assertRaises(refusal.Refused, transactions.parse,
                                  self.chain_id, bytes(changed))

    def test_submissions(self):
        """A submission is a transaction and its admission."""
        for case in self.load('transactions')['submissions']:
            transaction, admission = transactions.parse_submission(
                unhexed(case['encoded']))
            self.assertEqual(case['transaction'], transaction.hex())
            self.assertEqual(case['admission'], vectors.hexed(admission))

    def test_payloads(self):
        """Bodies, digests and the signatures inside of them."""
        loaded = self.load('payloads')
        for sealed, name in ((True, 'private'), (False, 'public')):
            for case in loaded[name]:
                encoded = unhexed(case['encoded'])
                kind, body = payloads.parse(encoded, sealed)
                self.assertEqual(case['kind'], kind)
                self.assertEqual(case['body'], vectors.hexed(body))
                self.assertEqual(case['digest'], payloads.digest(
                    self.chain_id, encoded).hex())
                self._check_inner_signatures(loaded, kind, body)
        for case in loaded['refused']:
            self.assert_refused(case['code'], case['why'], payloads.parse,
                                unhexed(case['encoded']), case['sealed'])

    def _check_inner_signatures(self, loaded, kind: int, body: list):
        if kind == 3 and body[0] != 1:
            recovery = unhexed(loaded['recovery_key_id'])
            payloads.verify_recovery(self.chain_id, body, recovery)
            self.assert_refused(
                'bad-signature', 'another key', payloads.verify_recovery,
                self.chain_id, body, bytes(32))
            self.assert_refused(
                'bad-signature', 'another chain', payloads.verify_recovery,
                bytes(32), body, recovery)
        if kind == 5 and body[8] is not None:
            old = keys.parse(unhexed(loaded['announcing_document']))
            payloads.verify_announcement(self.chain_id, body[8], old)
            self.assert_refused(
                'bad-signature', 'another chain',
                payloads.verify_announcement, bytes(32), body[8], old)


class TestState(independent_cases.IndependentTestCase):
    """State, its map and blocks."""

    def _apply(self, case: dict) -> dict:
        before = {unhexed(key): unhexed(value)
                  for key, value in case['before']}
        return state.apply(
            self.chain_id, before.get, case['header_time_ms'],
            transactions.parse(self.chain_id, unhexed(case['transaction'])))

    def test_apply(self):
        """Entries after a transaction, and the reason against one."""
        loaded = self.load('state')
        for case in loaded['accepted']:
            self.assertEqual(case['changes'], vectors.hexed(
                [list(each) for each in self._apply(case).items()]))
        for case in loaded['refused']:
            self.assert_refused(case['code'], case['why'], self._apply, case)

    def _check_proof(self, case: dict, root: str) -> None:
        statemap.check_proof(
            self.chain_id, unhexed(root), unhexed(case['key']),
            unhexed(case['value']), unhexed(case['proof']))

    def test_maps(self):
        """Roots by the definition and by the incremental map."""
        for case in self.load('state-proofs')['maps']:
            made = statemap.StateMap(self.chain_id)
            for key, value in case['items']:
                made.update({unhexed(key): unhexed(value)})
            self.assertEqual(case['root'], made.root.hex())
            self.assertEqual(made.root, statemap.node(
                self.chain_id, made.entries(), 0))
            for proof in case['proofs']:
                self._check_proof(proof, case['root'])

    def test_proofs_refused(self):
        """No other proof is believed."""
        for case in self.load('state-proofs')['refused']:
            self.assert_refused('bad-proof', case['why'], self._check_proof,
                                case, case['root'])

    def test_each_byte_of_a_proof_counts(self):
        """Under one root a key has one proof."""
        for case in self.load('state-proofs')['maps']:
            for proof in case['proofs']:
                encoded = unhexed(proof['proof'])
                for place in range(len(encoded)):
                    changed = bytearray(encoded)
                    changed[place] ^= 1 << place % 8
                    self.assertRaises(
                        refusal.Refused, self._check_proof,
                        {**proof, 'proof': changed.hex()}, case['root'])

    def test_blocks(self):
        """Headers, roots and inclusion proofs."""
        loaded = self.load('blocks')
        for case in loaded['accepted']:
            header, body = blocks.parse_block(unhexed(case['block']))
            self.assertEqual(case['header_encoded'], header.encoded.hex())
            self.assertEqual(case['digest'], header.digest.hex())
            self.assertEqual(case['transactions'], vectors.hexed(body))
            for encoded, proof in zip(body, case['inclusions'], strict=True):
                blocks.check_inclusion(
                    self.chain_id, header.transactions_root, encoded,
                    unhexed(proof))
        genesis = loaded['genesis']
        self.assertEqual(genesis['header_encoded'], blocks.genesis_header(
            self.chain_id, unhexed(genesis['federation']),
            genesis['created_ms']).encoded.hex())
        for case in loaded['refused']:
            self.assert_refused(case['code'], case['why'],
                                blocks.parse_block, unhexed(case['block']))
        for case in loaded['refused_inclusions']:
            self.assert_refused(
                'bad-proof', case['why'], blocks.check_inclusion,
                self.chain_id, unhexed(case['root']),
                unhexed(case['transaction']), unhexed(case['inclusion']))
