# SPDX-License-Identifier: Apache-2.0
"""False answers convict their member; true ones convict nobody."""

import dataclasses

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import lie
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import ledgers

PROVIDER = federations.PROVIDER
NONCE = 'nonce=' + '0' * 32


class TestLies(base.TestCase):
    """A member of four answers a client."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.h = self.made.h
        self.ledger = ledgers.Ledger(self.made)
        self.one = ledgers.digest_transaction(self.h, 'one')
        self.two = ledgers.digest_transaction(self.h, 'two')
        self.first = self.ledger.commit([self.one, self.two])
        self.head = self.ledger.commit()
        self.key = identifiers.cid_state_key(self.h, self.one.content.cid)

    def answered(self, target, value, *, method='GET', head=None, **fields):
        """Return (request, answer) of member 1 to a target."""
        head = head or self.head
        request = answer.Request.of(method, target)
        body = value if isinstance(value, bytes) else answer.encode_body(
            value)
        return request, answer.sign_answer(
            self.h, self.made.sites[1].sign_answer, **{
                'member': 1, 'instance': bytes(16),
                'request_digest': request.digest(self.h),
                'head_height': head.block.header.height,
                'head_digest': head.block.digest,
                'head_time_ms': head.block.header.timestamp_ms,
                'body': body, **fields}).to_bytes()

    def reason(self, target, value, **fields):
        """Return the code a lie is known by; None if it is the truth."""
        request, data = self.answered(target, value, **fields)
        found = lie.evidence_of(self.h, PROVIDER, self.made.federation,
                                request, 1, data)
        if found is None:
            return None
        again = lie.Lie.from_bytes(found.to_bytes())
        self.assertEqual(found, again)
        self.assertEqual(1, lie.check_lie(
            self.h, PROVIDER, self.made.federation, again))
        return found.reason

    def state(self, key=None, value=..., proof=None, pair=None):
        held, proven = self.ledger.prove(key or self.key)
        return (pair or self.head.pair, ((
            key or self.key, held if value is ... else value,
            proof or proven),))

    def targets(self):
        """Return (target, true value) of every kind."""
        inclusion = self.first.block.inclusion(1).to_fields()
        return (
            (f'/v1/head?since=1&wait=5&{NONCE}', self.head.pair),
            (f'/v1/state?key={self.key.hex()}&{NONCE}', self.state()),
            (f'/v1/histories/{self.key.hex()}?after=0&limit=9&{NONCE}',
             (self.head.pair, self.key, ((1, 0, self.one.raw),))),
            (f'/v1/transactions/{self.two.txid.hex()}?{NONCE}',
             (self.first.pair, inclusion, self.two.raw)),
            (f'/v1/blocks/1?body=true&{NONCE}',
             (self.first.pair, (self.one.raw, self.two.raw))),
            (f'/v1/blocks/2?{NONCE}', ((self.head.pair[0], b''), None)))

    def test_the_truth_convicts_nobody(self):
        for target, value in self.targets():
            self.assertIsNone(self.reason(target, value))
            self.assertIsNone(self.reason(target, answer.NOT_FOUND))
            request, data = self.answered(target, value)
            for claim in ('bad-proof', 'internal'):
                self.assertRaises(
                    errors.BadProof, lie.check_lie, self.h, PROVIDER,
                    self.made.federation, lie.Lie(request, data, claim))

    def test_a_forged_certificate(self):
        weak = ledgers.certify(self.h, self.made.sites, (1,), 2,
                               self.head.block.digest)
        self.assertEqual('bad-certificate', self.reason(
            f'/v1/head?{NONCE}', (self.head.pair[0], weak)))

    def test_a_forged_header(self):
        header = dataclasses.replace(self.head.block.header,
                                     state_root=bytes(32)).to_bytes()
        self.assertEqual('bad-certificate', self.reason(
            f'/v1/head?{NONCE}', (header, self.head.certificate)))
        self.assertEqual('bad-block', self.reason(
            f'/v1/head?{NONCE}', (b'\x00', self.head.certificate)))

    def test_the_envelope_names_another_head(self):
        for fields in ({'head_height': 9}, {'head_time_ms': 1},
                       {'head_digest': bytes(32)}):
            self.assertEqual('bad-answer', self.reason(
                f'/v1/head?{NONCE}', self.head.pair, **fields))

    def test_nothing_for_you(self):
        target = f'/v1/state?key={self.key.hex()}&{NONCE}'
        self.assertEqual('bad-proof', self.reason(
            target, self.state(value=None)))
        other = identifiers.cid_state_key(self.h, bytes(16))
        self.assertEqual('bad-answer', self.reason(
            target, self.state(other)))
        self.assertEqual('bad-answer', self.reason(
            target, (self.head.pair, ())))

    def test_a_false_value_or_proof(self):
        target = f'/v1/state?key={self.key.hex()}&{NONCE}'
        self.assertEqual('bad-proof', self.reason(
            target, self.state(value=b'other')))
        for proof in (b'\x00', self.ledger.prove(bytes(32))[1]):
            self.assertEqual('bad-proof', self.reason(
                target, self.state(proof=proof)))

    def test_a_false_history(self):
        target = f'/v1/histories/{self.key.hex()}?after=0&{NONCE}'
        good = ((1, 0, self.one.raw), (1, 1, self.two.raw))
        for wrong, reason in (
                ((self.head.pair, bytes(32), good), 'bad-answer'),
                ((self.head.pair, self.key, good[::-1]), 'bad-answer'),
                ((self.head.pair, self.key, ((3, 0, self.one.raw),)),
                 'bad-answer'),
                ((self.head.pair, self.key, ((1, 0, b'\x00'),)),
                 'malformed')):
            self.assertEqual(reason, self.reason(target, wrong))

    def test_a_false_transaction(self):
        target = f'/v1/transactions/{self.two.txid.hex()}?{NONCE}'
        pair, blocks = self.first.pair, self.first.block
        for wrong, reason in (
                ((pair, blocks.inclusion(0).to_fields(), self.one.raw),
                 'bad-answer'),
                ((pair, blocks.inclusion(0).to_fields(), self.two.raw),
                 'bad-proof'),
                ((self.head.pair, blocks.inclusion(1).to_fields(),
                  self.two.raw), 'bad-proof')):
            self.assertEqual(reason, self.reason(target, wrong))

    def test_a_false_block(self):
        target = f'/v1/blocks/1?{NONCE}'
        self.assertEqual('bad-answer', self.reason(
            target, (self.head.pair, None)))
        self.assertEqual('bad-block', self.reason(
            target, (self.first.pair, (self.two.raw, self.one.raw))))
        self.assertEqual('bad-certificate', self.reason(
            target, ((self.first.pair[0], self.head.certificate), None)))

    def test_a_body_of_another_shape(self):
        for target, _value in self.targets():
            self.assertEqual('bad-answer', self.reason(target, b'\x00'))

    def test_what_cannot_be_judged(self):
        # Another method, another resource, a federation that is unknown.
        for target, method in ((f'/v1/head?{NONCE}', 'POST'),
                               ('/v1/federation', 'GET'), ('/', 'GET')):
            self.assertIsNone(self.reason(target, b'\x00', method=method))
        following = federations.successor(self.made)
        request, data = self.answered(f'/v1/head?{NONCE}', self.head.pair)
        answered = answer.Answer.from_bytes(data)
        self.assertIsNone(lie.find_fault(
            self.h, PROVIDER, following.federation, request, answered))

    def test_the_question_cannot_frame_the_member(self):
        # Every one of these is answered rightly, and spelled oddly.
        _head, state, history, transaction, block, _light = self.targets()
        key = self.key.hex()
        for target, value in (
                (f'/v1/state?key={key.upper()}', state[1]),
                (f'/v1/state?key={key}&key={key}', state[1]),
                (f'/v1/state?k%65y={key}', state[1]),
                (f'/v1/state?key={key[:-1]}%3{key[-1]}', state[1]),
                (f'/v1/state?key={key}&note=%26key=00', state[1]),
                (f'/v1/histories/{key.upper()}', history[1]),
                ('/v1/transactions/' + self.two.txid.hex().upper(),
                 transaction[1]),
                ('/v1/blocks/01', block[1]), ('/v1/blocks/%31', block[1]),
                ('/v1/blocks/1\n', block[1])):
            self.assertIsNone(self.reason(target, value), target)

    def test_nobody_is_convicted_by_somebody_else(self):
        request, data = self.answered(f'/v1/head?{NONCE}', b'\x00')
        for wrong in (data[:-64] + bytes(64), b'\x00'):
            self.assertRaises(
                errors.BadProof, lie.check_lie, self.h, PROVIDER,
                self.made.federation, lie.Lie(request, wrong, 'bad-answer'))
        self.assertRaises(
            errors.BadAnswer, lie.evidence_of, self.h, PROVIDER,
            self.made.federation, request, 2, data)
        other = answer.Request.of('GET', '/v1/head')
        self.assertRaises(
            errors.BadProof, lie.check_lie, self.h, PROVIDER,
            self.made.federation, lie.Lie(other, data, 'bad-answer'))

    def test_refused_bytes(self):
        for wrong in (b'', codec.encode((1, (), b'x', 'y'))):
            self.assertRaises(errors.FormatError, lie.Lie.from_bytes, wrong)

    @hypothesis.given(strategies.integers(0, 10 ** 6),
                      strategies.integers(1, 255))
    @hypothesis.settings(max_examples=100)
    def test_spoiled_records_convict_nobody(self, at, change):
        request, data = self.answered(f'/v1/head?{NONCE}', b'\x00')
        record = bytearray(lie.Lie(request, data, 'bad-answer').to_bytes())
        record[at % len(record)] ^= change
        try:
            found = lie.Lie.from_bytes(bytes(record))
        except errors.FormatError:
            return
        self.assertRaises(errors.BadProof, lie.check_lie, self.h, PROVIDER,
                          self.made.federation, found)
