# SPDX-License-Identifier: Apache-2.0
"""Tests of reading what an anchor publishes."""

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core import errors
from tacker_ledger.core.securelog import op_return
from tacker_ledger.core.securelog import transaction
from tacker_ledger.tests import base
from tacker_ledger.tests.unit.core.securelog import test_transaction

ROOT = bytes(range(32))


def decoded(*scripts):
    """Return a transaction as a node describes it."""
    return {'vout': [{'n': n, 'scriptPubKey': {'hex': item.hex()}}
                     for n, item in enumerate(scripts)]}


class TestOpReturn(base.TestCase):

    def test_found(self):
        self.assertEqual('6a20' + ROOT.hex(), op_return.script(ROOT).hex())
        scripts = (b'\0\x14' + bytes(20), op_return.script(ROOT), b'')
        self.assertEqual(ROOT, op_return.from_decoded(decoded(*scripts)))
        self.assertEqual(ROOT, op_return.from_transaction(transaction.parse(
            test_transaction.build(scripts=scripts))))

    def test_none_or_several(self):
        script = op_return.script(ROOT)
        for scripts in ((), (b'',), (script, script),
                        (script, op_return.script(bytes(32))),
                        (script + b'\0',), (script[:-1],),
                        (b'\x51' + script,), (b'\x6a\x4c\x20' + ROOT,)):
            self.assertRaises(errors.NotAnAnchor, op_return.from_decoded,
                              decoded(*scripts))

    def test_the_digits_elsewhere_do_not_count(self):
        # the same digits within another script, or half a byte further
        inside = b'\x6a\x24' + b'\0\0' + op_return.script(ROOT)
        self.assertRaises(errors.NotAnAnchor, op_return.from_decoded,
                          decoded(inside))

    def test_strange_answers(self):
        for bad in (None, [], {}, {'vout': None}, {'vout': [None]},
                    {'vout': [{}]}, {'vout': [{'scriptPubKey': None}]},
                    {'vout': [{'scriptPubKey': {'hex': 5}}]},
                    {'vout': [{'scriptPubKey': {'hex': '6A20'}}]},
                    {'vout': [{'scriptPubKey': {'hex': '6a2'}}]}):
            self.assertRaises(errors.Malformed, op_return.from_decoded, bad)

    @hypothesis.given(st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(['vout', 'scriptPubKey', 'hex', 'n']), inner,
            max_size=3)))
    def test_any_answer(self, answer):
        try:
            op_return.from_decoded(answer)
        except (errors.Malformed, errors.NotAnAnchor):
            pass
