# SPDX-License-Identifier: Apache-2.0
"""What travels between nodes."""

import hypothesis
from hypothesis import strategies

from tacker_ledger.core import codec
from tacker_ledger.core.consensus import messages
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core import limits
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors

H = hashing.hasher(vectors.fixed_bytes('chain id', 32))
_D = vectors.fixed_bytes('digest', 32)
_S = vectors.fixed_bytes('signature', 64)
_I = vectors.fixed_bytes('instance', 16)

EXAMPLES = (
    messages.Hello(1, _D, 3, _I, _I, 0, 17, _D),
    messages.HelloAnswer(_I, _I, None, None, _S),
    messages.HelloAnswer(_I, _I, b'head', b'vote', _S),
    messages.PrePrepare(5, 0, 0, b'block', _S),
    messages.PrePrepare(5, 4, 0, b'block', _S, _D),
    messages.Prepare(5, 0, 1, _D[:8], _S),
    messages.Commit(5, 0, 255, _D[:8], _S),
    messages.ViewChange(5, 1, 2, b'head', None, _S),
    messages.ViewChange(5, 1, 2, b'head', messages.PreparedCertificate(
        0, b'header', ((0, _S), (2, _S))), _S),
    messages.NewView(5, 1, 1, (b'change', b'change'), b'header', _S),
    messages.NewView(5, 1, 1, (b'change',), None, _S),
    messages.Transactions(True, (b'one', b'two')),
    messages.GetBlocks(9, 1, 10),
    messages.Blocks(9, 40, ((b'block', b'certificate'), (b'block', b''))),
    messages.Blocks(9, 0, ()),
    messages.Ping(1), messages.Pong(2 ** 64 - 1),
    messages.GetBody(5, _D[:8]), messages.Body(b'block'),
    messages.Status(5, 0),
    messages.ShownVote(5, 0, 3, 5, _D, _S),
    messages.CertifiedHead(b'head'),
)


class TestMessages(base.TestCase):
    """Each message has one encoding, and only it."""

    def test_every_kind_has_an_example(self):
        self.assertEqual(set(messages.BY_KIND),
                         {example.KIND for example in EXAMPLES})

    def test_there_and_back(self):
        for example in EXAMPLES:
            data = messages.encode(example)
            self.assertEqual(example, messages.decode(data))
            self.assertEqual(example.KIND, codec.decode(
                data, _Anything(), limits.FRAME_MAX_BYTES)[0])

    def test_a_vote_frame_is_at_most_100_bytes(self):
        vote = messages.Commit(2 ** 64 - 1, messages.VIEW_MAX,
                               limits.MEMBERS_MAX_COUNT - 1, _D[:8], _S)
        self.assertLessEqual(4 + len(messages.encode(vote)), 100)

    def test_refused(self):
        good = messages.Commit(5, 0, 1, _D[:8], _S).fields()
        for wrong in (
                (), (0,), (17,), (5,), (5, *good, 0), (5, *good[:-1]),
                (5, 0, *good[1:]), (5, 5, 2 ** 32, *good[2:]),
                (5, 5, 0, 256, *good[3:]), (5, 5, 0, 1, _D, _S),
                (5, 5, 0, 1, _D[:8], _S[:-1]), (True, *good),
                (3, 5, 0, 0, b'', _S, None), (8, False, ()),
                (9, 1, 0, 1), (9, 1, 1, 0), (9, 1, 1, 257)):
            self.assertRaises(errors.Malformed, messages.decode,
                              codec.encode(wrong))

    def test_too_large(self):
        self.assertRaises(errors.TooLarge, messages.decode,
                          bytes(limits.FRAME_MAX_BYTES + 1))

    @hypothesis.given(strategies.binary(max_size=200))
    @hypothesis.settings(max_examples=100)
    def test_any_bytes(self, data):
        try:
            message = messages.decode(data)
        except errors.FormatError:
            return
        self.assertEqual(data, messages.encode(message))

    @hypothesis.given(strategies.data())
    @hypothesis.settings(max_examples=150)
    def test_spoiled_messages(self, data):
        encoded = bytearray(messages.encode(
            data.draw(strategies.sampled_from(EXAMPLES))))
        at = data.draw(strategies.integers(0, len(encoded) - 1))
        encoded[at] ^= data.draw(strategies.integers(1, 255))
        try:
            message = messages.decode(bytes(encoded))
        except errors.FormatError:
            return
        self.assertEqual(bytes(encoded), messages.encode(message))


class TestSigned(base.TestCase):
    """What signatures cover."""

    def test_votes_differ_in_everything_they_name(self):
        covered = {messages.vote_message(H, kind, height, view, digest)
                   for kind in (3, 4, 5) for height in (1, 2)
                   for view in (0, 1) for digest in (_D, bytes(32))}
        self.assertEqual(24, len(covered))

    def test_all_but_the_signature_is_covered(self):
        for example in EXAMPLES:
            if example.KIND not in (2, 6, 7):
                continue
            other = type(example)(*[
                bytes(64) if name == 'signature' else getattr(example, name)
                for name in example.__slots__])
            self.assertEqual(messages.signed_part(H, example),
                             messages.signed_part(H, other))
            self.assertIn(codec.encode((example.KIND,
                                        *example.fields()[:-1])),
                          messages.signed_part(H, example))

    def test_new_view_is_named_by_all_of_it(self):
        one = messages.NewView(5, 1, 1, (b'change',), None, _S)
        other = messages.NewView(5, 1, 1, (b'change',), None, bytes(64))
        self.assertNotEqual(messages.digest_of(H, one),
                            messages.digest_of(H, other))


class TestHeadPair(base.TestCase):
    """A header with its certificate."""

    def test_there_and_back(self):
        for pair in ((b'header', b'certificate'), (b'header', b'')):
            self.assertEqual(pair, messages.read_head_pair(
                messages.head_pair(*pair)))

    def test_refused(self):
        for wrong in (b'', codec.encode((b'', b'')),
                      codec.encode((b'header',))):
            self.assertRaises(errors.Malformed, messages.read_head_pair,
                              wrong)


class _Anything:
    def check(self, value, path):
        pass
