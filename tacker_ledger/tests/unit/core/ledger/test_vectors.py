# SPDX-License-Identifier: Apache-2.0
"""The code agrees with the golden vectors of the ledger's formats."""

import types

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import block
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload
from tacker_ledger.core.ledger import state
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction
from tacker_ledger.core.ledger import validation
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors

unhex = bytes.fromhex
PROVIDER = providers.default()


def value_of(field):
    """Return a field of a vector: bytes where it is hexadecimal."""
    if isinstance(field, list):
        return tuple(value_of(item) for item in field)
    return unhex(field) if isinstance(field, str) else field


class VectorsTestCase(base.TestCase):
    """A test of one file of vectors."""

    NAME = ''

    def setUp(self):
        super().setUp()
        self.vectors = vectors.load(self.NAME)
        self.h = hashing.hasher(unhex(self.vectors['chain_id']))

    def refused(self, case, function, *args, **kwargs):
        exc = self.assertRaises(errors.LedgerError, function, *args,
                                **kwargs)
        self.assertEqual((case['why'], case['code']),
                         (case['why'], exc.code))


class TestTransactions(VectorsTestCase):
    """Transactions and submissions."""

    NAME = 'transactions'

    def read(self, raw):
        return validation.check_transaction(self.h, PROVIDER, raw)

    def test_accepted(self):
        for case in self.vectors['accepted']:
            made = self.read(unhex(case['transaction']))
            fields = dict(case['fields'])
            # Text fields are not hexadecimal.
            description = fields.pop('description')
            self.assertEqual(description, made.content.description)
            found = list(made.content.to_fields())
            del found[6]
            self.assertEqual([value_of(field) for field in fields.values()],
                             found)
            self.assertEqual(unhex(case['content']), made.content_bytes)
            self.assertEqual(unhex(case['content']),
                             codec.encode(made.content.to_fields()))
            self.assertEqual(unhex(case['txid']), made.txid)
            self.assertEqual(unhex(case['sender_id']), made.sender_id)
            self.assertEqual(
                unhex(case['signed_message']),
                transaction.signed_message(self.h, made.txid))

    def test_opened(self):
        opened = 0
        for case in self.vectors['accepted']:
            made = self.read(unhex(case['transaction']))
            if case['payload'] is None:
                self.assertIsInstance(made.content, transaction.Request)
                continue
            sealed = made.content.is_sealed
            expected = payload.decode_payload(unhex(case['payload']),
                                              sealed=sealed)
            if not sealed:
                self.assertEqual(expected, authoring.open_public(made))
                continue
            self.assertEqual(
                unhex(case['associated_data']),
                transaction.associated_data(made.content.to_fields()))
            for role, private in case['readers'].items():
                opened += 1
                pair = PROVIDER.load_private(unhex(private))
                self.assertEqual(
                    (expected, unhex(case['content_key'])),
                    authoring.open_configuration(
                        self.h, made, pair, envelope.Role(int(role))))
        self.assertGreater(opened, 8)

    def test_authored_again(self):
        """The same arguments give the same content, wraps aside."""
        authored = 0
        for case in self.vectors['accepted']:
            made = self.read(unhex(case['transaction']))
            content = made.content
            if case.get('readers') is None or content.compression:
                continue
            authored += 1
            again = authoring.author_configuration(
                self.h, PROVIDER,
                PROVIDER.load_private(unhex(case['private'])),
                cid=content.cid, vid=content.vid,
                payload=payload.decode_payload(unhex(case['payload']),
                                               sealed=True),
                recipient_id=content.recipient_id, compression=0,
                description=content.description,
                apply_before=content.apply_before,
                apply_after=content.apply_after,
                timestamp_ms=content.timestamp_ms, nonce=content.nonce,
                content_key=unhex(case['content_key'])).transaction.content
            self.assertEqual(content.unsealed_fields(),
                             again.unsealed_fields())
            self.assertEqual(content.configuration, again.configuration)
        self.assertGreater(authored, 2)

    def test_refused(self):
        for case in self.vectors['refused']:
            self.refused(case, self.read, unhex(case['transaction']))

    def test_cid(self):
        case = self.vectors['cid']
        self.assertEqual(unhex(case['cid']), identifiers.cid_for(
            self.h, unhex(case['sender_id']), unhex(case['nonce'])))

    def test_submissions(self):
        for case in self.vectors['submissions']:
            made = transaction.Submission.from_bytes(unhex(case['encoded']))
            self.assertEqual(unhex(case['transaction']), made.transaction)
            self.assertEqual(
                value_of(case['admission']),
                made.admission and (made.admission.kind,
                                    made.admission.data))
            self.assertEqual(unhex(case['encoded']), made.to_bytes())


class TestPayloads(VectorsTestCase):
    """Payloads of every kind."""

    NAME = 'payloads'

    def test_accepted(self):
        for name, kinds in (('private', payload.PRIVATE_KINDS),
                            ('public', payload.PUBLIC_KINDS)):
            seen = set()
            for case in self.vectors[name]:
                encoded = unhex(case['encoded'])
                body = payload.decode_payload(encoded,
                                              sealed=name == 'private')
                seen.add(case['kind'])
                self.assertIsInstance(body, kinds[case['kind']])
                self.assertEqual(encoded, payload.encode_payload(body))
                self.assertEqual(unhex(case['digest']),
                                 payload.payload_digest(self.h, encoded))
            self.assertEqual(set(kinds), seen)

    def test_inner_signatures(self):
        recovery_key_id = unhex(self.vectors['recovery_key_id'])
        old = suite.KeyDocument.from_bytes(
            unhex(self.vectors['announcing_document']))
        verified = 0
        for case in self.vectors['private']:
            body = payload.decode_payload(unhex(case['encoded']),
                                          sealed=True)
            if isinstance(body, payload.TrustChange):
                body.verify(PROVIDER, self.h, recovery_key_id)
                verified += 1
            elif (isinstance(body, payload.Receipt)
                    and body.announcement is not None):
                body.announcement.verify(PROVIDER, self.h, old)
                verified += 1
        self.assertEqual(5, verified)

    def test_refused(self):
        for case in self.vectors['refused']:
            self.refused(case, payload.decode_payload,
                         unhex(case['encoded']), sealed=case['sealed'])


class TestState(VectorsTestCase):
    """What transactions change."""

    NAME = 'state'

    def judge(self, case):
        before = {unhex(key): unhex(value) for key, value in case['before']}
        made = validation.check_transaction(
            self.h, PROVIDER, unhex(case['transaction']))
        return state.RULES.apply(self.h, before, made,
                                 case['header_time_ms'])

    def test_accepted(self):
        for case in self.vectors['accepted']:
            changes = self.judge(case)
            self.assertEqual(
                {unhex(key): unhex(value) for key, value in case['changes']},
                changes, case['why'])
            self.assertEqual([unhex(key) for key, _ in case['changes']],
                             list(changes))

    def test_records(self):
        for case in self.vectors['accepted']:
            for place, (_, value) in enumerate(case['changes']):
                record = (state_records.PairRecord if place
                          else state_records.CidRecord)
                self.assertEqual(
                    unhex(value),
                    record.from_bytes(unhex(value)).to_bytes())

    def test_refused(self):
        for case in self.vectors['refused']:
            self.refused(case, self.judge, case)

    def test_every_conflict_is_shown(self):
        shown = {case['code'] for case in self.vectors['refused']}
        every = {cls.code for cls in errors.ConflictError.__subclasses__()}
        # those are of documents and anchors, not of the state
        self.assertEqual({'anchor-conflict', 'federation-conflict'},
                         every - shown)


class TestStateProofs(VectorsTestCase):
    """The authenticated map."""

    NAME = 'state-proofs'

    def test_maps(self):
        for case in self.vectors['maps']:
            values = state_map.MemoryState()
            values.update({unhex(key): unhex(value)
                           for key, value in case['items']})
            nodes = state_map.SparseNodes()
            root = state_map.build(self.h, nodes, values.hashes())
            self.assertEqual(unhex(case['root']), root)
            tree = state_map.StateMap(self.h, nodes, values)
            for proven in case['proofs']:
                key, proof = unhex(proven['key']), unhex(proven['proof'])
                self.assertEqual(proof, tree.prove(key).to_bytes())
                state_map.verify(self.h, root, key,
                                 value_of(proven['value']), proof)

    def test_refused(self):
        for case in self.vectors['refused']:
            self.refused(
                {'why': case['why'], 'code': 'bad-proof'}, state_map.verify,
                self.h, unhex(case['root']), unhex(case['key']),
                value_of(case['value']), unhex(case['proof']))


class TestBlocks(VectorsTestCase):
    """Headers, blocks, inclusion."""

    NAME = 'blocks'

    def test_accepted(self):
        for case in self.vectors['accepted']:
            made = block.Block.from_bytes(self.h, unhex(case['block']))
            self.assertEqual(unhex(case['block']), made.to_bytes())
            header = made.header
            self.assertEqual(unhex(case['header_encoded']),
                             header.to_bytes())
            self.assertEqual(
                [value_of(field)
                 for name, field in case['header'].items()
                 if name != 'version'],
                [getattr(header, name)
                 for name in case['header'] if name != 'version'])
            self.assertEqual(unhex(case['digest']), made.digest)
            self.assertEqual(
                [unhex(leaf) for leaf in case['leaves']],
                block.transaction_leaves(self.h, made.raw_transactions))
            self.assertEqual(len(case['transactions']),
                             len(made.transactions()))
            for index, encoded in enumerate(case['inclusions']):
                self.assertEqual(unhex(encoded),
                                 made.inclusion(index).to_bytes())
                block.InclusionProof.from_bytes(unhex(encoded)).verify(
                    self.h, made.raw_transactions[index],
                    header.transactions_root)

    def test_genesis(self):
        case = self.vectors['genesis']
        federation = types.SimpleNamespace(
            digest=unhex(case['federation']),
            document=types.SimpleNamespace(created_ms=case['created_ms']))
        self.assertEqual(
            unhex(case['header_encoded']),
            block.genesis_header(self.h, federation).to_bytes())

    def test_refused(self):
        for case in self.vectors['refused']:
            self.refused(case, block.Block.from_bytes, self.h,
                         unhex(case['block']))

    def test_refused_inclusions(self):
        for case in self.vectors['refused_inclusions']:
            proof = block.InclusionProof.from_bytes(
                unhex(case['inclusion']))
            self.assertRaises(errors.BadProof, proof.verify, self.h,
                              unhex(case['transaction']),
                              unhex(case['root']))
