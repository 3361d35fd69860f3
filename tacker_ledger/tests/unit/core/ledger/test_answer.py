# SPDX-License-Identifier: Apache-2.0
"""Signed answers and their bodies."""

import dataclasses

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import answer
from tacker_ledger.tests import base
from tacker_ledger.tests import federations
from tacker_ledger.tests import vectors

PROVIDER = federations.PROVIDER
_D = vectors.fixed_bytes('digest', 32)
_PAIR = (b'header', b'certificate')


class TestRequest(base.TestCase):
    """An answer is tied to all of its request."""

    def test_digest(self):
        h = hashing.hasher(_D)
        one = answer.Request.of('GET', '/v1/head?nonce=00', b'')
        self.assertEqual(
            h.hash(hashing.Tag.REQUEST, codec.encode(
                ('GET', '/v1/head?nonce=00', one.body_hash))),
            one.digest(h))
        others = {answer.Request.of(*wrong).digest(h) for wrong in (
            ('POST', '/v1/head?nonce=00'), ('GET', '/v1/head?nonce=01'),
            ('GET', '/v1/head?nonce=00', b'x'))}
        self.assertEqual(3, len(others - {one.digest(h)}))


class TestAnswer(base.TestCase):
    """The envelope."""

    def setUp(self):
        super().setUp()
        self.made = federations.genesis(4)
        self.request = answer.Request.of('GET', '/v1/head?nonce=00')
        self.digest = self.request.digest(self.made.h)
        self.answer = answer.sign_answer(
            self.made.h, self.made.sites[2].sign_answer, member=2,
            instance=bytes(16), request_digest=self.digest, head_height=7,
            head_digest=_D, head_time_ms=99, body=b'body')

    def check(self, data=None, member=2, digest=None):
        return answer.check_answer(
            self.made.h, PROVIDER, self.made.federation,
            digest or self.digest, member,
            self.answer.to_bytes() if data is None else data)

    def test_good(self):
        self.assertEqual(self.answer, self.check())

    def test_everything_is_signed(self):
        for field, value in (
                ('instance', b'\x01' * 16), ('head_height', 8),
                ('head_digest', bytes(32)), ('head_time_ms', 98),
                ('body', b'Body'), ('signature', bytes(64)),
                ('request_digest', bytes(32)), ('member', 1)):
            changed = dataclasses.replace(self.answer, **{field: value})
            self.assertRaises(errors.BadAnswer, self.check,
                              changed.to_bytes())

    def test_of_another_member_or_request(self):
        self.assertRaises(errors.BadAnswer, self.check, member=1)
        self.assertRaises(errors.BadAnswer, self.check, member=9)
        self.assertRaises(errors.BadAnswer, self.check, digest=bytes(32))

    def test_signed_with_the_vote_key(self):
        wrong = dataclasses.replace(
            self.answer, signature=self.made.sites[2].sign_vote(
                self.answer.message(self.made.h)))
        self.assertRaises(errors.BadAnswer, self.check, wrong.to_bytes())

    def test_of_another_chain(self):
        other = federations.genesis(4, label='other')
        self.assertRaises(
            errors.BadAnswer, answer.check_answer, other.h, PROVIDER,
            other.federation, self.digest, 2, self.answer.to_bytes())

    def test_another_version(self):
        fields = codec.decode(self.answer.to_bytes(), _Anything(), 10 ** 4)
        self.assertRaises(errors.BadAnswer, self.check,
                          codec.encode((2, *fields[1:])))

    @hypothesis.given(strategies.integers(0, 10 ** 6),
                      strategies.integers(1, 255))
    @hypothesis.settings(max_examples=100)
    def test_spoiled_bytes(self, at, change):
        data = bytearray(self.answer.to_bytes())
        data[at % len(data)] ^= change
        self.assertRaises(errors.BadAnswer, self.check, bytes(data))


class TestBodies(base.TestCase):
    """Each body has one shape."""

    INCLUSION = (0, 1, ())

    def test_there_and_back(self):
        for read, value in (
                (answer.read_head, _PAIR),
                (answer.read_state, (_PAIR, ((_D, b'value', b'proof'),
                                             (_D, None, b'proof')))),
                (answer.read_history, (_PAIR, _D, ((1, 0, b'raw'),))),
                (answer.read_transaction, (_PAIR, self.INCLUSION, b'raw')),
                (answer.read_block, (_PAIR, (b'raw', b'raw'))),
                (answer.read_block, ((b'header', b''), None)),
                (answer.read_federation, (
                    (b'signed', None, None, None),
                    (b'signed', _PAIR, self.INCLUSION, b'raw'))),
                (answer.read_submission, ((_D, None, None),
                                          (None, 'malformed', 'why')))):
            body = answer.encode_body(value)
            self.assertEqual(value, read(body))
            self.assertRaises(errors.NotFound, read, answer.NOT_FOUND)
            for wrong in (b'', body[:-1], codec.encode(((), ()))):
                self.assertRaises(errors.BadAnswer, read, wrong)

    @hypothesis.given(strategies.binary(max_size=100))
    @hypothesis.settings(max_examples=100)
    def test_any_bytes(self, data):
        for read in (answer.read_head, answer.read_state,
                     answer.read_history, answer.read_transaction,
                     answer.read_block, answer.read_federation,
                     answer.read_submission):
            try:
                read(data)
            except (errors.BadAnswer, errors.NotFound):
                pass


class _Anything:
    def check(self, value, path):
        pass
