# SPDX-License-Identifier: Apache-2.0
"""Tests of what an nftables configuration may say."""

import json

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core import errors
from tacker_ledger.tests import base
from tacker_ledger.vnf_client.appliers import ruleset

TABLE = 'inet tenant'
NOW = 1_700_000_000.0
GOOD = (
    b'table inet tenant { }',
    (b'\n# a comment { "\ntable inet tenant {\n chain c {\n'
     b'  log prefix "brace } and # hash" ; drop\n }\n};\n'),
    b'table inet tenant { chain a { } }\ntable inet tenant { chain b { } }',
    b'table inet tenant {\n comment "include \\"\n}',
    b'table inet tenant { \\\n}',
    b'',
)
BAD = (
    b'flush ruleset',
    b'table inet other { }',
    b'table ip tenant { }',
    b'table inet tenant { } flush ruleset',
    b'table inet tenant { } } table inet tenant { {',
    b'add table inet tenant',
    b'table inet tenant;',
    b'table inet tenant {',
    b'include "/etc/shadow"',
    b'table inet tenant {\n include "/etc/shadow"\n}',
    b'table inet tenant { chain c { log prefix "a\\" } } flush ruleset # "\n',
    b'table inet tenant { comment "open }',
    b'define x = 1\ntable inet tenant { }',
    b'delete table inet tenant',
    b'table inet tenant { \x00 }',
)


class TestText(base.TestCase):

    def test_good(self):
        for text in GOOD:
            ruleset.check_text(TABLE, text)

    def test_bad(self):
        for text in BAD:
            self.assertRaises(errors.DryRunFailed, ruleset.check_text, TABLE,
                              text)

    @hypothesis.given(st.binary(max_size=80), st.binary(max_size=80))
    def test_outside_of_the_block_nothing_passes(self, before, after):
        text = before + b'\ntable inet tenant { }\n' + after
        try:
            ruleset.check_text(TABLE, text)
        except errors.DryRunFailed:
            return
        for part in (before, after):
            for line in part.split(b'\n'):
                words = line.partition(b'#')[0].strip(b' \t\r;\\')
                self.assertIn(words, (b'', b'table inet tenant { }'))

    def test_names(self):
        for name in ('inet tenant', 'ip6 a.b-c_d'):
            self.assertEqual(name, ruleset.check_table_name(name))
        for name in ('tenant', 'inet', 'x tenant', 'inet a b', 'inet ;',
                     'inet 1', 'inet  a', 'inet a\n'):
            self.assertRaises(errors.BadOption, ruleset.check_table_name,
                              name)


class TestState(base.TestCase):

    ELEMENTS = (
        '10.0.0.1', 80,
        {'elem': {'val': '10.0.0.1', 'timeout': 60, 'expires': 50}},
        {'elem': {'val': {'concat': ['10.0.0.1', 80]}}},
        {'prefix': {'addr': '10.0.0.0', 'len': 8}},
        {'range': ['10.0.0.1', '10.0.0.9']},
        ['10.0.0.1', 7],
        [{'elem': {'val': '10.0.0.1', 'expires': 3}}, 'eth0'],
    )

    def state(self, *elements, **changes) -> bytes:
        return json.dumps([{'name': 'blocked', 'type': 'ipv4_addr',
                            'map': None, 'elem': list(elements),
                            **changes}]).encode()

    def test_round_trip(self):
        sets = ruleset.decode_state(self.state(*self.ELEMENTS), NOW)
        self.assertEqual(self.ELEMENTS, sets[0].elements)
        again = ruleset.decode_state(
            ruleset.encode_state(sets, NOW + 3), NOW + 3)
        # 50 seconds were left, rounded down; 3 became none.
        self.assertEqual(
            [47], [element['elem']['expires'] for element
                   in again[0].elements if isinstance(element, dict)
                   and 'expires' in element.get('elem', {})])
        self.assertEqual(len(self.ELEMENTS) - 1, len(again[0].elements))

    def test_a_state_at_rest_reads_the_same_later(self):
        def report(seconds: int, *order: str) -> bytes:
            elements = [{'elem': {'val': value, 'timeout': 3600,
                                  'expires': 3605 - seconds}}
                        for value in order]
            sets = ruleset.decode_state(self.state(*elements), NOW)
            return ruleset.encode_state(sets, NOW + seconds)

        first = report(1, '10.0.0.1', '10.0.0.2')
        self.assertEqual(first, report(4, '10.0.0.2', '10.0.0.1'))
        (there,) = ruleset.decode_state(first, NOW + 100)
        self.assertEqual([3500, 3500], [
            element['elem']['expires'] for element in there.elements])
        self.assertEqual((), ruleset.decode_state(
            first, NOW + 4000)[0].elements)

    def test_no_clock_lengthens_a_life(self):
        (one,) = ruleset.decode_state(self.state({'elem': {
            'val': '10.0.0.1', 'timeout': 60, 'until': 1_800_000_000}}), NOW)
        self.assertEqual(60, one.elements[0]['elem']['expires'])

    def test_only_what_is_known_is_rebuilt(self):
        (one,) = ruleset.decode_state(self.state({'elem': {
            'val': '10.0.0.1', 'counter': {'packets': 5}, 'comment': 'x'}}),
            NOW)
        self.assertEqual(({'elem': {'val': '10.0.0.1'}},), one.elements)

    def test_an_expiry_of_zero_would_mean_none(self):
        (one,) = ruleset.decode_state(self.state({'elem': {
            'val': '10.0.0.1', 'expires': 0}}), NOW)
        self.assertEqual(1, one.elements[0]['elem']['expires'])

    def test_bad(self):
        for state in (
                b'', b'{}', b'[5]', b'[' * 9999, b'x' * 3_000_000,
                self.state('10.0.0.1 }; flush ruleset'),
                self.state(-1), self.state(1.5), self.state(None),
                self.state({'elem': {}}),
                self.state({'elem': {'val': '1', 'expires': -1}}),
                self.state({'elem': {'val': '1', 'until': -1}}),
                self.state({'elem': {'val': '1', 'until': 'x'}}),
                self.state({'elem': {'val': '1', 'timeout': 'x',
                                     'until': 1_800_000_000}}),
                self.state({'concat': ['1'] * 50}),
                self.state({'payload': {}}), self.state(['1', '2', '3']),
                self.state(name='a b'), self.state(name=5),
                self.state(extra=1), self.state(elem='x')):
            self.assertRaises(errors.FormatError, ruleset.decode_state,
                              state, NOW)

    def test_additions(self):
        sets = ruleset.decode_state(self.state('10.0.0.1'), NOW)
        (command,) = json.loads(ruleset.additions(TABLE, sets))['nftables']
        self.assertEqual(
            {'family': 'inet', 'table': 'tenant', 'name': 'blocked',
             'elem': ['10.0.0.1']}, command['add']['element'])
