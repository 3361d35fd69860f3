# SPDX-License-Identifier: Apache-2.0
"""Tests of the bootstrap document."""

import json

import hypothesis
from hypothesis import strategies as st

from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.tests import base


class TestBootstrap(base.TestCase):

    def setUp(self):
        super().setUp()
        provider = providers.default()
        self.tenant = provider.generate(2).document
        self.vendor = provider.generate(2).document
        self.document = bootstrap.Bootstrap(
            chain_id=b'\x01' * 32, federation=b'signed document',
            floor=bootstrap.Floor(7, b'\x02' * 32, 1_700_000_000_000),
            nodes=(bootstrap.Node('https://node-1.example:9101', 0),
                   bootstrap.Node('http://127.0.0.1:9102', 1)),
            ca='-----BEGIN CERTIFICATE-----\n',
            commanders=(self.tenant,), references=(self.vendor,),
            allow_unpinned_references=False, recovery_key_id=b'\x03' * 32,
            interval_seconds=30.0, instance_uuid='7d8f-0001')

    def changed(self, **members) -> str:
        return json.dumps({**json.loads(self.document.to_json()), **members})

    def test_round_trip(self):
        self.assertEqual(self.document,
                         bootstrap.parse(self.document.to_json()))
        self.assertEqual(
            self.document, bootstrap.parse(self.document.to_json().encode()))

    def test_nothing_is_missing_or_unknown(self):
        members = json.loads(self.document.to_json())
        for name in members:
            less = {key: value for key, value in members.items()
                    if key != name}
            error = self.assertRaises(errors.BadDocument, bootstrap.parse,
                                      json.dumps(less))
            self.assertIn(name, error.message)
        self.assertRaises(errors.BadDocument, bootstrap.parse,
                          self.changed(extra=1))

    def test_each_member_is_checked_and_named(self):
        key = json.loads(self.document.to_json())['commanders'][0]
        wrong = {
            'version': [2, '1', True, None],
            'chain_id': ['00', 'G' * 64, 'A' * 64, 5],
            'federation': ['', '%%%', 7],
            'floor': [{}, {'height': -1, 'digest': '0' * 64, 'time_ms': 0},
                      {'height': 1, 'digest': '0', 'time_ms': 0}, []],
            'nodes': [[], [{'url': 'ftp://x', 'member': 0}],
                      [{'url': 'http://node.example', 'member': 0}],
                      [{'url': 'http://localhost.example', 'member': 0}],
                      [{'url': 'https://x', 'member': 0},
                       {'url': 'https://y', 'member': 0}],
                      [{'url': 'https://x:99999', 'member': 0}],
                      [{'url': 'https://x'}]],
            'ca': ['', 5],
            'commanders': [[], [key, key], 'x', [5]],
            'references': [[key, key]],
            'allow_unpinned_references': [0, 'no', None],
            'recovery_key_id': ['0', 0, self.tenant.key_id.hex()],
            'interval_seconds': [0, -1, True, '30', 1e9],
            'instance_uuid': ['', 'a b', 'x' * 65, '-----BEGIN'],
        }
        for name, values in wrong.items():
            for value in values:
                error = self.assertRaises(
                    errors.FormatError, bootstrap.parse,
                    self.changed(**{name: value}))
                if isinstance(error, errors.BadDocument):
                    self.assertIn(name, error.message)

    def test_a_bad_key_is_refused(self):
        self.assertRaises(errors.BadKey, bootstrap.parse,
                          self.changed(references=['AAAA']))

    def test_json_that_means_two_things_is_refused(self):
        text = self.document.to_json()
        twice = text.replace('"version": 1,', '"version": 1, "version": 1,')
        for bad in (twice, text.replace('30.0', 'NaN'), '[]', '', '{',
                    '[' * 100_000, text + '{}'):
            self.assertRaises(errors.BadDocument, bootstrap.parse, bad)
        self.assertRaises(errors.BadDocument, bootstrap.parse,
                          ' ' * (bootstrap.DOCUMENT_MAX_BYTES + 1))

    @hypothesis.given(st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
            st.text(max_size=10), inner, max_size=4), max_leaves=10),
        st.sampled_from(sorted((
            'version', 'chain_id', 'federation', 'floor', 'nodes', 'ca',
            'commanders', 'references', 'recovery_key_id',
            'interval_seconds', 'instance_uuid'))))
    def test_any_value_is_refused_cleanly_or_right(self, value, name):
        try:
            bootstrap.parse(self.changed(**{name: value}))
        except errors.FormatError:
            pass
