# SPDX-License-Identifier: Apache-2.0
"""The independent verifier and a chain that the real core made.

The chain holds every class of transaction under both suites, a change of the
federation, heartbeats with and without certificates; any byte of its export
may be changed and none may pass.
"""

import base64
import functools
import io
import subprocess
import sys

from tacker_ledger.core.configuration import console_block
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import export as product_export
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests.independent import answers
from tacker_ledger.tests.independent import blocks
from tacker_ledger.tests.independent import cbor
from tacker_ledger.tests.independent import console
from tacker_ledger.tests.independent import export
from tacker_ledger.tests.independent import keys as independent_keys
from tacker_ledger.tests.independent import lightclient
from tacker_ledger.tests.independent import payloads
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests.independent import state
from tacker_ledger.tests.independent import statemap
from tacker_ledger.tests.independent import transactions
from tacker_ledger.tests import independent_cases
from tacker_ledger.tests import ledgers
from tacker_ledger.tests import vectors
from tacker_ledger.tests.vectors import keys

PROVIDER = federations.PROVIDER
START_MS = ledgers.START_MS
flipped = independent_cases.flipped


class Story:
    """A short chain in which everything happens once."""

    def __init__(self) -> None:
        self.made = federations.genesis()
        self.ledger = ledgers.Ledger(self.made)
        self.h = self.made.h
        self.tenant = keys.rsa(PROVIDER, 0)
        self.vnf = keys.curve(PROVIDER, 'a VNF')
        self.committed: list[ledgers.Committed] = []
        self._number = 0
        self._tell()

    def _drawn(self) -> dict[str, bytes]:
        self._number += 1
        return {'nonce': vectors.fixed_bytes(f'nonce {self._number}', 16),
                'content_key': vectors.fixed_bytes(
                    f'content key {self._number}', 32)}

    def _configured(self, pair, recipient, vid=1, cid=None, data=b'x'):
        return authoring.author_configuration(
            self.h, PROVIDER, pair, vid=vid, cid=cid, recipient=recipient,
            payload=payload.Configuration('file', '/etc/x', data),
            timestamp_ms=START_MS, **self._drawn())

    def _tell(self) -> None:
        ledger = self.ledger
        self.first = self._configured(self.tenant, self.vnf.document)
        request = authoring.author_request(
            self.h, self.tenant, vid=1, recipient_id=self.vnf.document.key_id,
            slot_expiry_ms=START_MS + 60_000, timestamp_ms=START_MS,
            nonce=self._drawn()['nonce'])
        ledger.commit([self.first.transaction, request, *(
            ledgers.digest_transaction(self.h, f'package {number}')
            for number in range(5))])
        ledger.commit()
        self.second = self._configured(
            self.tenant, self.vnf.document, 2,
            self.first.transaction.content.cid, b'y' * 700)
        answer = authoring.author_answer(
            self.h, PROVIDER, self.vnf, request,
            payload.StateReport(request.txid, (), (), START_MS),
            timestamp_ms=START_MS, **self._drawn())
        ledger.commit([self.second.transaction, answer.transaction], view=3)
        ledger.commit()
        ledger.commit()
        self.next_made = federations.successor(
            self.made, [*self.made.sites[1:], federations.make_site('new'),
                        federations.make_site('newer')])
        ledger.commit(
            [ledgers.digest_transaction(self.h, 'beside it'),
             ledgers.federation_transaction(self.h, self.next_made)],
            next_made=self.next_made)
        ledger.commit([ledgers.digest_transaction(self.h, 'afterwards')])
        ledger.commit()

    def records(self) -> list[bytes]:
        """Return the export, heartbeats inside without certificates."""
        blocks_made = self.ledger.blocks
        return [product_export.header_record(
            self.made.federation.chain_id, self.made.signed.to_bytes()), *(
                product_export.block_record(
                    each.block.to_bytes(),
                    b'' if (not each.block.raw_transactions
                            and each is not blocks_made[-1])
                    else each.certificate)
                for each in blocks_made)]


@functools.cache
def told() -> Story:
    """Return the story, made once."""
    return Story()


class ChainTestCase(independent_cases.IndependentTestCase):
    """A test of the chain above."""

    def setUp(self):
        super().setUp()
        self.story = told()
        self.chain_id = self.story.made.federation.chain_id
        self.records = self.story.records()

    def verify(self, *records: bytes) -> export.Verified:
        """Verify an export of these records."""
        return export.verify(io.BytesIO(b''.join(records)), self.chain_id)


class TestExport(ChainTestCase):
    """Verifying the whole chain."""

    def test_accepted(self):
        """Every root is recomputed; the last is the product's."""
        found = self.verify(*self.records)
        ledger = self.story.ledger
        head = ledger.blocks[-1].block
        self.assertEqual(
            (8, head.digest, head.header.timestamp_ms,
             head.header.state_root, 12, 1),
            (found.height, found.digest, found.time_ms, found.state_root,
             found.transactions, found.epoch))
        self.assertEqual(ledger.tree.root(), found.state_root)

    def test_prefix(self):
        """A chain may end anywhere with a certificate."""
        self.assertEqual(0, self.verify(self.records[0]).height)
        self.assertEqual(3, self.verify(*self.records[:4]).height)
        self.assert_refused('bad-certificate', 'ends with a heartbeat',
                            self.verify, *self.records[:3])

    def test_other_streams(self):
        """Records may not be left out, repeated, swapped or cut."""
        first, *rest = self.records
        for why, code, records in (
                ('nothing', 'malformed', []),
                ('no beginning', 'malformed', rest),
                ('a block left out', 'bad-block', [first, *rest[1:]]),
                ('a block twice', 'bad-block', [first, rest[0], *rest]),
                ('blocks swapped', 'bad-block', [first, *rest[::-1]]),
                ('cut in a record', 'malformed', [first, rest[0][:-1]]),
                ('cut in a length', 'malformed', [first, rest[0][:3]])):
            self.assert_refused(code, why, self.verify, *records)
        self.assert_refused(
            'wrong-federation', 'another chain', export.verify,
            io.BytesIO(b''.join(self.records)), bytes(32))

    def test_transactions_need_a_certificate(self):
        """Only a heartbeat loses it."""
        block = self.story.ledger.blocks[0].block
        self.assert_refused(
            'bad-certificate', 'transactions', self.verify, self.records[0],
            product_export.block_record(block.to_bytes(), b''),
            *self.records[2:])

    def test_each_byte_counts(self):
        """One changed bit in any class of bytes is found.

        Steps are prime to the sizes of fields, so all of them are met:
        lengths, document, approvals, headers, roots, certificates, ids,
        signatures, wraps, sealed payloads.
        """
        for number, record in enumerate(self.records):
            step = 1 + len(record) // 60
            for changed in flipped(record, step, number % step):
                self.assertRaises(
                    refusal.Refused, self.verify, *self.records[:number],
                    changed, *self.records[number + 1:])

    def _assert_class_counts(self, number: int, classes: dict) -> None:
        """Change a byte in the middle of each class of bytes."""
        record = self.records[number]
        for why, (code, data) in classes.items():
            self.assertIn(data, record, why)
            place = record.index(data) + len(data) // 2
            changed = bytearray(record)
            changed[place] ^= 1
            self.assert_refused(
                code, why, self.verify, *self.records[:number],
                bytes(changed), *self.records[number + 1:])

    def test_classes_of_the_beginning(self):
        """Bytes of the federation's document."""
        signed = self.story.made.signed
        member = self.story.made.federation.members[2]
        self._assert_class_counts(0, {
            'chain id': ('wrong-federation', self.chain_id),
            'nonce': ('wrong-federation', signed.document[3:19]),
            'vote key': ('wrong-federation', member.vote_key),
            'issuer': ('bad-signature', signed.issuer_signature),
            **{f'approval {number}': ('bad-signature', approval.signature)
               for number, approval in enumerate(signed.approvals)}})

    def test_classes_of_a_block(self):
        """Bytes of header, transactions and certificate."""
        committed = self.story.ledger.blocks[0]
        header = committed.block.header
        sealed = self.story.first.transaction
        self._assert_class_counts(1, {
            **{name: ('bad-block', getattr(header, name)) for name in (
                'chain_id', 'parent', 'transactions_root', 'state_root',
                'federation')},
            'proposer': ('bad-certificate',
                         cbor.encode(header.timestamp_ms)[-4:]
                         + cbor.encode(header.proposer)
                         + cbor.encode(header.federation)[:4]),
            **{name: ('bad-block', data) for name, data in (
                ('id', sealed.txid), ('signature', sealed.signature),
                ('sender', sealed.content.sender),
                ('nonce', sealed.content.nonce),
                ('commitment', sealed.content.commitment),
                ('sealed payload', sealed.content.configuration),
                *((f'wrap {place}', wrap) for place, wrap
                  in enumerate(sealed.content.wraps)))},
            'certificate': ('bad-certificate', committed.certificate[20:]),
            'last vote': ('bad-certificate', committed.certificate[-64:])})

    def _certified(self, changes: dict[int, bytes], raws: list[bytes]
                   ) -> bytes:
        """Return the record of a first block that a quorum certified.

        :param changes: header fields in place of the right ones
        """
        made = self.story.made
        outcome = ledgers.Ledger(made).propose([
            ledgers.digest_transaction(self.story.h, 'package')])
        header = outcome.block.header
        fields = [1, self.chain_id, 1, header.parent,
                  blocks.transactions_root(self.chain_id, raws),
                  header.state_root, header.timestamp_ms, 0,
                  header.federation]
        for place, value in changes.items():
            fields[place] = value
        parsed = blocks.parse_header(cbor.encode(fields))
        certificate = ledgers.certify(self.story.h, made.sites, range(3), 1,
                                      parsed.digest)
        return product_export.block_record(
            cbor.encode([1, parsed.encoded, raws]), certificate)

    def test_a_quorum_certifies_what_is_wrong(self):
        """Certificates convince nobody of what breaks a rule."""
        right = ledgers.digest_transaction(self.story.h, 'package').raw
        place = len(right) - 40
        content = right[:place] + bytes([right[place] ^ 1]) + (
            right[place + 1:])
        signature = bytearray(right)
        signature[60] ^= 1
        other = vectors.fixed_bytes('another', 32)
        late = ledgers.digest_transaction(
            self.story.h, 'package', timestamp_ms=START_MS + 10 ** 9).raw
        self.assertEqual(1, self.verify(
            self.records[0], self._certified({}, [right])).height)
        for why, code, changes, raws in (
                ('parent', 'bad-block', {3: other}, [right]),
                ('state root', 'bad-block', {5: other}, [right]),
                ('time', 'bad-block', {6: federations.CREATED_MS}, [right]),
                ('proposer', 'bad-block', {7: 4}, [right]),
                ('federation', 'bad-block', {8: other}, [right]),
                ('content', 'bad-hash', {}, [content]),
                ('signature', 'bad-signature', {}, [bytes(signature)]),
                ('twice', 'duplicate', {}, [right, right]),
                ('future', 'timestamp-future', {}, [late])):
            self.assert_refused(code, why, self.verify, self.records[0],
                                self._certified(changes, raws))

    def test_command(self):
        """The command verifies a file and a directory of files."""
        directory = self.make_directory()
        file = directory / 'whole'
        stream = b''.join(self.records)
        file.write_bytes(stream)
        parts = directory / 'parts'
        parts.mkdir()
        (parts / '00000000.chain').write_bytes(stream[:1000])
        (parts / '00000001.chain').write_bytes(stream[1000:])
        (parts / 'readme').write_bytes(b'not of the stream')
        for path, chain_id, code in (
                (file, self.chain_id, 0), (parts, self.chain_id, 0),
                (file, bytes(32), 1)):
            ended = subprocess.run(
                [sys.executable, '-m', 'tacker_ledger.tests.independent',
                 str(path), '--chain-id', chain_id.hex()],
                capture_output=True, text=True, cwd=base.CHECKOUT,
                timeout=50)
            self.assertEqual(code, ended.returncode, ended.stderr)
            if code == 0:
                self.assertIn('height 8, epoch 1', ended.stdout)
                self.assertIn(self.story.ledger.tree.root().hex(),
                              ended.stdout)


class TestClients(ChainTestCase):
    """What the chain shows to others than verifiers of all of it."""

    def _trusted(self) -> lightclient.Trusted:
        return lightclient.begin(self.chain_id,
                                 self.story.made.signed.to_bytes())

    def test_light_client(self):
        """Heads, the next federation, transactions, histories."""
        made = self.story.ledger.blocks
        trusted = self._trusted().advance(*made[2].pair)
        self.assert_refused('head-rollback', 'an older head',
                            trusted.advance, *made[1].pair)
        self.assert_refused('unknown-federation', 'the next epoch',
                            trusted.advance, *made[7].pair)
        holder = made[5].block
        trusted = trusted.learn(
            *made[5].pair, holder.raw_transactions[1],
            holder.inclusion(1).to_bytes())
        trusted = trusted.advance(*made[7].pair)
        self.assertEqual(8, trusted.head.height)
        self.assert_refused(
            'bad-proof', 'another place', trusted.committed, *made[5].pair,
            holder.raw_transactions[1], holder.inclusion(0).to_bytes())

    def test_history(self):
        """All of a pair's transactions, from its proven head."""
        story = self.story
        key = state.pair_key(self.chain_id, story.vnf.document.key_id,
                             story.tenant.document.key_id)
        value, proof = story.ledger.prove(key)
        root = story.ledger.blocks[-1].block.header.state_root
        statemap.check_proof(self.chain_id, root, key, value, proof)
        shown = state.parse_pair_record(value)
        made = story.ledger.blocks
        entries = [(1, 0, made[0].block.raw_transactions[0]),
                   (1, 1, made[0].block.raw_transactions[1]),
                   (3, 0, made[2].block.raw_transactions[0])]
        lightclient.check_history(self.chain_id, (0, bytes(32)), shown,
                                  entries)
        for wrong in (entries[:2], entries[1:], entries[::-1],
                      [*entries, entries[0]]):
            self.assert_refused(
                'history-incomplete', 'another list',
                lightclient.check_history, self.chain_id, (0, bytes(32)),
                shown, wrong)

    def test_proofs(self):
        """Presence and absence under the head, and no changed byte."""
        ledger = self.story.ledger
        root = ledger.blocks[-1].block.header.state_root
        cid = self.story.first.transaction.content.cid
        for key in (state.cid_key(self.chain_id, cid),
                    state.cid_key(self.chain_id, bytes(16))):
            value, proof = ledger.prove(key)
            statemap.check_proof(self.chain_id, root, key, value, proof)
            for changed in flipped(proof, 3):
                self.assert_refused(
                    'bad-proof', 'changed', statemap.check_proof,
                    self.chain_id, root, key, value, changed)
        value, _proof = ledger.prove(state.cid_key(self.chain_id, cid))
        self.assertEqual(2, state.parse_cid_record(value).latest_vid)
        self.assertEqual(identifiers.cid_state_key(self.story.h, cid),
                         state.cid_key(self.chain_id, cid))

    def test_sealed_payloads(self):
        """Author and recipient read what was sealed for them."""
        for authored, data in ((self.story.first, b'x'),
                               (self.story.second, b'y' * 700)):
            sealed = transactions.parse(self.chain_id,
                                        authored.transaction.raw)
            for place, private in (
                    (0, keys.ed25519_private_bytes('a VNF')),
                    (1, keys.rsa_private_bytes(0))):
                content_key = independent_keys.unwrap(
                    independent_keys.parse_private(private),
                    sealed.fields[14][place])
                kind, body = payloads.parse(transactions.open_configuration(
                    self.chain_id, sealed, content_key), True)
                self.assertEqual((1, data), (kind, body[2]))

    def test_lies_need_a_member(self):
        """Noise is no record of a lie."""
        document = export.Ledger(self.story.made.signed.to_bytes(),
                                 self.chain_id).document
        self.assertRaises(refusal.Refused, answers.convict, self.chain_id,
                          document, b'\x80')


class TestConsole(independent_cases.IndependentTestCase):
    """What the real VNF prints is read by the page."""

    INSTANCE = '5cd4f8f5-2b3c-4e0d-9a53-1a7f6d3f6f10'

    def setUp(self):
        super().setUp()
        made = told().made
        self.h, self.chain_id = made.h, made.federation.chain_id
        self.receipt = keys.curve(PROVIDER, 'receipts', encryption=False)

    def _text(self, pair, time_ms: int = START_MS) -> str:
        return console_block.make(self.h, pair, self.receipt, self.INSTANCE,
                                  time_ms)

    def test_read(self):
        """The newest block among noise, for keys of both suites."""
        for pair in (keys.rsa(PROVIDER, 1), keys.curve(PROVIDER, 'a VNF')):
            text = self._text(pair)
            noisy = (text[300:] + 'login: ' + text.replace('\n', '\r\n')
                     + self._text(pair, START_MS + 1) + text[:300])
            block = console.read(self.chain_id, noisy, self.INSTANCE)
            self.assertEqual(
                (self.INSTANCE, pair.document.key_id,
                 self.receipt.document.key_id, START_MS + 1),
                (block.instance, block.vnf_key.key_id,
                 block.receipt_key.key_id, block.time_ms))

    def test_refused(self):
        """Two keys, another chain, another instance, a changed byte."""
        text = self._text(keys.rsa(PROVIDER, 1))
        other = self._text(keys.rsa(PROVIDER, 2))
        self.assert_refused('bad-signature', 'two keys', console.read,
                            self.chain_id, text + other, self.INSTANCE)
        self.assert_refused('not-found', 'another chain', console.read,
                            bytes(32), text, self.INSTANCE)
        self.assert_refused('not-found', 'another instance', console.read,
                            self.chain_id, text, 'another')
        encoded, = console.find(text)
        block = base64.b64decode(encoded)
        for changed in flipped(block, 3):
            self.assertRaises(
                refusal.Refused, console.parse, self.chain_id,
                base64.b64encode(changed).decode('ascii'))
