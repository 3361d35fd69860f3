# SPDX-License-Identifier: Apache-2.0
"""Verdicts in words."""

import json

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tacker_ledger.securelog import client
from tacker_ledger.tests import base

MESSAGE = {
    'verdict': 'validated', 'log': '/var/log/tacker.log', 'log_id': '00',
    'writer': 1, 'number': 7, 'sequence': 70, 'driver': 'bitcoin',
    'anchor': 3, 'txid': 'aa', 'block': 'bb', 'height': 9, 'problem': '',
    'evidence': True, 'findings': []}
FINDING = {'kind': 'edited', 'detail': 'the text is another', 'before': 1,
           'after': 2, 'line': 14, 'file': 'tacker.log'}


class TestWords(base.TestCase):
    def test_validated(self):
        self.assertEqual(
            'checkpoint number 7 has been validated (/var/log/tacker.log, '
            'session 1, anchor 3 of bitcoin at height 9)',
            client.to_text(MESSAGE))

    def test_a_chain_that_proves_nothing_is_named(self):
        self.assertIn('a chain that is not evidence',
                      client.to_text({**MESSAGE, 'evidence': 1}))

    def test_altered_between_two_checkpoints(self):
        text = client.to_text({**MESSAGE, 'verdict': 'altered',
                               'findings': [FINDING]})
        self.assertIn('the log was altered between checkpoint 1 and '
                      'checkpoint 2 at line 14 of tacker.log: edited', text)

    def test_altered_at_an_end(self):
        text = client.to_text({**MESSAGE, 'verdict': 'altered', 'findings': [
            {**FINDING, 'before': None, 'after': None, 'line': None}]})
        self.assertIn('between the beginning and the end: edited', text)

    def test_missing_and_not_anchored(self):
        self.assertIn('checkpoint number 7 was anchored and is missing',
                      client.to_text({**MESSAGE, 'verdict': 'missing'}))
        self.assertIn('checkpoint number 7 has not been validated',
                      client.to_text({**MESSAGE, 'verdict': 'not-anchored',
                                      'problem': 'bad-hash'}))

    def test_no_message_reaches_a_terminal_as_it_is(self):
        text = client.to_text({**MESSAGE, 'log': 'a\x1b[2Jb\n'})
        self.assertNotIn('\x1b', text)
        self.assertNotIn('\n', text)

    @settings(max_examples=150, deadline=None)
    @given(st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from((*MESSAGE, *FINDING)), inner, max_size=5),
        max_leaves=12), st.sampled_from(('validated', 'altered', 'missing',
                                         'not-anchored', 'x')))
    def test_any_message_is_shown_somehow(self, message, word):
        if isinstance(message, dict):
            message['verdict'] = word
        text = client.to_text(message)
        self.assertTrue(text.replace('\n', '').isprintable())
        self.assertEqual(message, json.loads(client.to_json(message)))

    def test_the_worst_verdict_is_the_exit_status(self):
        for status, words in (
                (0, {'validated'}), (5, {'validated', 'not-anchored'}),
                (4, {'missing', 'not-anchored'}),
                (3, {'altered', 'missing', 'validated'}),
                (6, {'altered', 'unreadable'})):
            self.assertEqual(status, client.worst(words))
        self.assertEqual('unreadable', client.word_of(['altered']))
