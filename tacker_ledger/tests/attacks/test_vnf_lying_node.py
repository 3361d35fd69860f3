# SPDX-License-Identifier: Apache-2.0
"""Attacks on a VNF by the node it asks: every byte class of an answer.

Each lie is told twice: by the only node that can be reached, then the VNF
refuses it by its name, keeps signed evidence and changes nothing; and by one
of four nodes, then the VNF asks another one and is configured all the same.
"""

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import lie as lie_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tests import agent_case
from tacker_ledger.tests import door_simulator

flipped = door_simulator.flipped
#: Fields of a header, by position.
_HEADER_FIELDS = {'height': 2, 'parent': 3, 'transactions root': 4,
                  'state root': 5, 'time': 6, 'proposer': 7,
                  'federation': 8}


class LyingNodeCase(agent_case.AgentCase):
    """Node 0 lies."""

    def setUp(self):
        super().setUp()
        self.first = self.author(self.configuration(b'first'))
        self.commit(self.first)
        self.poll()
        self.settle()
        self.poll()
        self.good = self.author(self.configuration(b'good'), vid=2,
                                cid=self.first.content.cid)
        self.commit(self.good)

    def lie(self, liar, path='/v1/state'):
        def told(asked, body):
            if asked.startswith(path):
                return liar(body)
            return body
        self.doors[0].lie = told

    def assertRefusedAndNamed(self, code, convicted=True):
        """Assert what happens alone with the liar, and beside others."""
        self.only(0)
        self.assertPollFails(code)
        self.assertEqual(b'first', self.vnf.content())
        self.assertConvicted(code, convicted)
        self.only(0, 1, 2, 3)
        self.poll()
        self.assertEqual(b'good', self.vnf.content())

    def assertConvicted(self, code, convicted):
        (name,) = [name for name in self.vnf.evidence()
                   if name.startswith(f'0-{code}-')]
        self.assertEqual(convicted, name.endswith('.lie'), name)
        record = lie_module.Lie.from_bytes(
            (self.vnf.root / 'state' / 'evidence' / name).read_bytes())
        if not convicted:
            self.assertEqual(code, record.reason)
        else:
            self.assertEqual(0, lie_module.check_lie(
                self.h, self.provider, self.chain.federation, record))
        self.assertIn('member 0) gave a false answer, ' + code,
                      self.log.output)


class TestHead(LyingNodeCase):

    def forge(self, field):
        def liar(body):
            header = list(codec.decode(body[0][0], codec.Record(
                *[_Any()] * 9), 1000))
            value = header[field]
            header[field] = (flipped(value) if isinstance(value, bytes)
                             else value + 1)
            body[0][0] = codec.encode(header)
            return body
        self.lie(liar)

    def test_forged_block_in_every_field(self):
        codes = {'federation': 'unknown-federation'}
        for name, field in _HEADER_FIELDS.items():
            self.forge(field)
            self.only(0)
            self.assertPollFails(codes.get(name, 'bad-certificate'))

    def test_forged_state_root(self):
        self.forge(_HEADER_FIELDS['state root'])
        self.assertRefusedAndNamed('bad-certificate')

    def test_forged_certificate(self):
        def liar(body):
            body[0][1] = flipped(body[0][1], -3)
            return body
        self.lie(liar)
        self.assertRefusedAndNamed('bad-certificate')

    def test_a_certificate_of_too_few(self):
        head = self.chain.application.head
        few = self.chain.certificate(head.height, head.digest, [0, 1])

        def liar(body):
            body[0][1] = few
            return body
        self.lie(liar)
        self.assertRefusedAndNamed('bad-certificate')

    def test_a_certificate_with_one_signer_twice(self):
        head = self.chain.application.head
        votes = self.chain.certificate(head.height, head.digest, [0, 1])
        fields = list(codec.decode(votes, codec.Record(*[_Any()] * 4), 9999))
        fields[3] = [*fields[3], fields[3][-1]]

        def liar(body):
            body[0][1] = codec.encode(fields)
            return body
        self.lie(liar)
        self.assertRefusedAndNamed('bad-certificate')

    def test_an_envelope_about_another_head(self):
        def liar(body):
            body[0] = list(self.doors[0]._pair(self.chain.height - 1))
            return body
        self.lie(liar)
        self.only(0)
        self.assertPollFails('bad-answer')

    def test_the_wrong_members_signature(self):
        self.doors[0].impostor = 1
        self.only(0)
        self.assertPollFails('bad-answer')
        self.assertIn('not signed by the member', self.log.output)
        self.only(0, 1, 2, 3)
        self.poll()
        self.assertEqual(b'good', self.vnf.content())


class _Any:
    def check(self, value, path):
        pass


class TestState(LyingNodeCase):

    def each(self, change):
        def liar(body):
            for row in body[1]:
                change(row)
            return body
        self.lie(liar)

    def test_nothing_for_you(self):
        def change(row):
            row[1] = None
        self.each(change)
        self.assertRefusedAndNamed('bad-proof')

    def test_a_value_changed(self):
        def change(row):
            if row[1] is not None:
                row[1] = flipped(row[1], -1)
        self.each(change)
        self.assertRefusedAndNamed('bad-proof')

    def test_something_where_nothing_is(self):
        def change(row):
            if row[1] is None:
                row[1] = b'\x83\x01\x01' + b'\x58\x20' + bytes(32)
        self.each(change)
        self.assertRefusedAndNamed('bad-proof')

    def test_a_proof_changed_in_every_part(self):
        for position in range(0, 60, 3):
            def change(row, position=position):
                row[2] = flipped(row[2], position)
            self.each(change)
            self.only(0)
            error = self.assertRaises(
                errors.NoNode, self.assertNothingChanged, self.poll)
            self.assertTrue({'bad-proof', 'malformed'}
                            & set(error.details['codes']), position)

    def test_a_key_left_out(self):
        def liar(body):
            body[1].pop()
            return body
        self.lie(liar)
        self.assertRefusedAndNamed('bad-answer')

    def test_the_proof_of_an_older_state(self):
        past = door_simulator.Past(self.chain)
        self.commit()

        def liar(body):
            for row in body[1]:
                row[2] = past.tree.prove(row[0]).to_bytes()
            return body
        self.lie(liar)
        # the state has not changed since, so the proof is the same
        self.poll()
        self.assertEqual(b'good', self.vnf.content())


class TestHistory(LyingNodeCase):
    PATH = '/v1/histories'

    def test_withheld_answer(self):
        def liar(body):
            body[2].pop()
            return body
        self.lie(liar, self.PATH)
        self.only(0)
        self.assertPollFails('not-found')
        # reported, not proven
        self.assertEqual([], self.vnf.evidence())
        self.assertIn('withholds transactions', self.log.output)
        self.only(0, 1, 2, 3)
        self.poll()
        self.assertEqual(b'good', self.vnf.content())

    def test_a_transaction_changed(self):
        def liar(body):
            body[2][-1][2] = flipped(body[2][-1][2], -20)
            return body
        self.lie(liar, self.PATH)
        self.assertRefusedAndNamed('bad-hash')

    def test_another_transaction_in_its_place(self):
        other = self.author(self.configuration(b'other'))

        def liar(body):
            body[2][-1][2] = other.raw
            return body
        self.lie(liar, self.PATH)
        self.assertRefusedAndNamed('history-incomplete', convicted=False)

    def test_a_signature_changed(self):
        content = self.good.content_bytes
        forged = codec.encode((1, self.good.txid, bytes(64), content))

        def liar(body):
            body[2][-1][2] = forged
            return body
        self.lie(liar, self.PATH)
        self.assertRefusedAndNamed('bad-signature', convicted=False)

    def test_the_history_of_another(self):
        def liar(body):
            body[1] = bytes(32)
            return body
        self.lie(liar, self.PATH)
        self.assertRefusedAndNamed('bad-answer')

    def test_a_transaction_placed_elsewhere(self):
        """Trust has positions: a later place may make a word count."""
        def liar(body):
            body[2][-1][0] = self.chain.height
            body[2][-1][1] = 250
            return body
        self.lie(liar, self.PATH)
        self.assertRefusedAndNamed('history-incomplete', convicted=False)

    def test_a_transaction_above_the_head(self):
        def liar(body):
            body[2][-1][0] = self.chain.height + 1
            return body
        self.lie(liar, self.PATH)
        self.assertRefusedAndNamed('history-incomplete')


class TestTransaction(LyingNodeCase):
    PATH = '/v1/transactions'

    def test_lying_not_found(self):
        self.lie(lambda body: [None], self.PATH)
        self.assertRefusedAndNamed('not-found', convicted=False)

    def test_another_transaction(self):
        place = self.doors[0]._transaction(self.first.txid)
        self.lie(lambda body: place, self.PATH)
        self.assertRefusedAndNamed('bad-answer')

    def test_another_place(self):
        def liar(body):
            body[1][0] += 1
            body[1][1] += 1
            return body
        self.lie(liar, self.PATH)
        self.assertRefusedAndNamed('bad-proof')


class TestMismatchedTransactionClass(LyingNodeCase):

    def test_re_signed_duplicate(self):
        """Another valid signature over one content is no second word."""
        rsa = self.provider.generate(1)
        self.commit(self.author(self.trust_change(
            agent_case.payload.AddCommander(rsa.document))))
        one = self.author(self.configuration(b'rsa'), pair=rsa)
        self.commit(one)
        self.poll()
        self.assertEqual(b'rsa', self.vnf.content())
        again = transaction_module.Transaction.signed_by(
            self.h, rsa, one.content)
        self.assertEqual(one.txid, again.txid)
        self.assertNotEqual(one.raw, again.raw)
        # the ledger refuses it, and a node that shows it shows nothing new
        self.assertRaises(errors.Duplicate, self.chain.commit, again)
        self.lie(lambda body: [body[0], body[1], [
            [row[0], row[1], again.raw if row[2] == one.raw else row[2]]
            for row in body[2]]], '/v1/histories')
        self.assertNothingChanged(self.poll)
