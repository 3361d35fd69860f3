# SPDX-License-Identifier: Apache-2.0
"""Who signs, and over what."""

from tacker_ledger.api import answers
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.api import simulated


class TestAnswerer(base.TestCase):
    """Answers are tied to request, member, instance and head."""

    def setUp(self):
        super().setUp()
        self.world = simulated.World()
        self.chain = self.world.chain
        self.request = answer.Request.of('GET', '/v1/head?nonce=00')

    def answerer(self, seed):
        return answers.Answerer(
            answers.Signer(seed, self.chain.provider), self.world.reader,
            self.world.reader.federation,
            lambda: self.world.facade.identity)

    def check(self, raw, request=None, member=0):
        return answer.check_answer(
            self.chain.h, self.chain.provider, self.chain.federation,
            (request or self.request).digest(self.chain.h), member, raw)

    def test_signed_for_this_request_only(self):
        answerer = self.answerer(self.chain.secrets[0].answer)
        raw = answerer.sign(self.request, self.world.reader.head())
        self.assertEqual(0, self.check(raw).head_height)
        for other in (answer.Request.of('GET', '/v1/head?nonce=01'),
                      answer.Request.of('POST', '/v1/head?nonce=00'),
                      answer.Request.of('GET', '/v1/head?nonce=00', b'x')):
            self.assertRaises(errors.BadAnswer, self.check, raw, other)
        self.assertRaises(errors.BadAnswer, self.check, raw, None, 1)

    def test_the_index_follows_the_answer_key(self):
        answerer = self.answerer(self.chain.secrets[2].answer)
        raw = answerer.sign(self.request, answers.NOT_FOUND)
        self.assertEqual(2, self.check(raw, member=2).member)

    def test_the_head_is_the_one_the_body_was_read_at(self):
        answerer = self.answerer(self.chain.secrets[0].answer)
        head = self.world.reader.head()
        self.chain.commit()
        self.assertEqual(0, self.check(answerer.sign(
            self.request, head, head)).head_height)
        self.assertEqual(1, self.check(answerer.sign(
            self.request, answers.NOT_FOUND)).head_height)

    def test_a_key_of_nobody(self):
        # a member to be answers already, and convinces nobody
        answerer = self.answerer(bytes(32))
        self.assertRaises(errors.BadAnswer, self.check, answerer.sign(
            self.request, answers.NOT_FOUND))

    def test_the_key_that_the_federation_names(self):
        seeds = (bytes(32), self.chain.secrets[0].answer)
        signer = answers.Signer(seeds[0], self.chain.provider,
                                reread=lambda: seeds)
        answerer = answers.Answerer(
            signer, self.world.reader, self.world.reader.federation,
            lambda: self.world.facade.identity)
        self.check(answerer.sign(self.request, answers.NOT_FOUND))

    def test_no_secret_shows(self):
        seed = self.chain.secrets[0].answer
        signer = answers.Signer(seed, self.chain.provider)
        self.assertNotIn(seed.hex(), repr(signer))
        self.assertNotIn(repr(seed), repr(signer))
