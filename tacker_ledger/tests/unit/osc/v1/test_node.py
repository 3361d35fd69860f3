# SPDX-License-Identifier: Apache-2.0
"""What a node says of itself is shown whatever it is."""

import hypothesis
from hypothesis import strategies

from tacker_ledger.api.schemas import status as schemas
from tacker_ledger.core import errors
from tacker_ledger.osc.v1 import base as osc_base
from tacker_ledger.osc.v1 import node
from tacker_ledger.tests import base

JUNK = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers()
    | strategies.floats() | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=4)
    | strategies.dictionaries(strategies.text(), inner, max_size=4),
    max_leaves=10)


class TestFields(base.TestCase):

    @hypothesis.settings(max_examples=200, deadline=None)
    @hypothesis.given(strategies.dictionaries(strategies.sampled_from(
        sorted(schemas.OPERATOR_STATUS['properties'])), JUNK))
    def test_no_answer_breaks_it_or_the_terminal(self, status):
        for value in node._fields(status).values():
            self.assertIsInstance(value, str | int)
            if isinstance(value, str):
                self.assertEqual(osc_base.escape(value, lines=True), value)

    def test_what_a_person_looks_for(self):
        shown = node._fields({
            'lag': 3, 'leader_name': 'node-2', 'voting': False,
            'not_voting': 'doubt: \x1b[31man old copy',
            'evidence': {'count': 2, 'newest': [
                {'member': 1, 'height': 7, 'view': 0,
                 'kind': 'equivocation'}]},
            'conditions': [{'code': 'doubt', 'since_ms': 0,
                            'message': 'an old copy'}],
            'peers': [{'name': 'node-1', 'up': False, 'height': 3,
                       'view': 1}]})
        self.assertEqual((3, 'node-2', False),
                         (shown['lag'], shown['leader'], shown['voting']))
        self.assertIn('\\x1b[31m', shown['not_voting'])
        self.assertEqual('2\nmember 1 at height 7, view 0: equivocation',
                         shown['evidence'])
        self.assertEqual('doubt since 1970-01-01T00:00:00.000Z: an old copy',
                         shown['conditions'])
        self.assertEqual('node-1: DOWN, height 3, view 1', shown['peers'])


class TestIndex(base.TestCase):

    def test_by_name_or_number(self):
        names = ['node-0', '7', 'b']
        self.assertEqual(1, node.ShowNode._index(names, '7'))
        self.assertEqual(2, node.ShowNode._index(names, '2'))
        for wrong in ('3', '-1', 'node', '', '9' * 50):
            self.assertRaises(errors.NotFound, node.ShowNode._index, names,
                              wrong)
