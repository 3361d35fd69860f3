# SPDX-License-Identifier: Apache-2.0
"""Tests of the error tree."""

import json
import re

from tacker_ledger.core import errors
from tacker_ledger.tests import base

FAMILIES = (
    errors.FormatError, errors.AuthenticityError, errors.ConflictError,
    errors.AdmissionError, errors.ProofError, errors.DecisionError,
    errors.UnavailableError)


def below(cls):
    """Yield every class below ``cls``."""
    for child in cls.__subclasses__():
        yield child
        yield from below(child)


class TestTree(base.TestCase):
    """Codes are stable, unique and complete."""

    def test_codes_are_kebab_case_of_their_class(self):
        for code, cls in errors.ALL_CODES.items():
            if cls is errors.LedgerError:
                self.assertEqual('internal', code)
                continue
            words = re.findall('[A-Z][a-z]*', cls.__name__)
            self.assertEqual('-'.join(words).lower(), code)

    def test_every_class_but_families_has_its_own_code(self):
        for cls in below(errors.LedgerError):
            if cls in FAMILIES:
                self.assertNotIn('code', vars(cls))
            elif cls.__module__ == errors.__name__:
                self.assertIs(cls, errors.ALL_CODES[cls.code])
                self.assertTrue(issubclass(cls, FAMILIES), cls)

    def test_a_code_used_twice_is_noticed(self):
        class Root(errors.LedgerError):
            pass

        class One(Root):
            code = 'same'

        class Two(Root):
            code = 'same'

        self.assertRaises(AssertionError, errors._coded, Root)

    def test_statuses(self):
        expected = {
            'internal': 500, 'malformed': 400, 'too-large': 413,
            'bad-signature': 400, 'vid-conflict': 409, 'not-admitted': 403,
            'rate-limited': 429, 'busy': 503, 'no-quorum': 503,
            'shutting-down': 503, 'storage-failed': 503, 'not-found': 404,
            'forbidden': 403, 'unauthenticated': 401, 'bad-proof': 502,
            'not-for-me': 422, 'no-node': 503, 'timeout': 504,
            'corrupt-store': 500}
        self.assertEqual(expected, {
            code: errors.ALL_CODES[code].http_status for code in expected})


class TestDescriptions(base.TestCase):
    """What one service says another understands."""

    def test_round_trip_of_every_code(self):
        for cls in errors.ALL_CODES.values():
            error = cls('it went wrong', height=7, expected=[1, 2])
            sent = json.loads(json.dumps(error.to_dict()))
            back = errors.from_dict(sent)
            self.assertIs(cls, type(back))
            self.assertEqual('it went wrong', str(back))
            self.assertEqual({'height': 7, 'expected': [1, 2]}, back.details)
            self.assertEqual(error.http_status, back.http_status)

    def test_a_code_of_a_later_release_is_kept(self):
        back = errors.from_dict({'code': 'moon-too-bright', 'message': 'x'})
        self.assertIs(errors.LedgerError, type(back))
        self.assertEqual('moon-too-bright', back.code)
        self.assertEqual('moon-too-bright', back.to_dict()['code'])
        self.assertEqual('internal', errors.LedgerError.code)

    def test_hostile_descriptions_become_internal(self):
        for data in (None, 3, 'x', [], {}, {'code': 7}, {'code': 'A B'},
                     {'code': 'a' * 65}, {'code': 'a\n'}, {'code': ['x']},
                     {'code': '', 'message': 5, 'details': 'no'}):
            back = errors.from_dict(data)
            self.assertEqual('internal', back.code, data)
            self.assertIsInstance(back.message, str)
            self.assertEqual({}, back.details)

    def test_details_named_like_arguments_do_no_harm(self):
        details = {'message': 'm', 'self': 's', 'code': 'c'}
        back = errors.from_dict(
            {'code': 'busy', 'message': 'x', 'details': details})
        self.assertIsInstance(back, errors.Busy)
        self.assertEqual('x', back.message)
        self.assertEqual(details, back.details)

    def test_a_long_message_is_cut(self):
        back = errors.from_dict({'code': 'busy', 'message': 'x' * 100_000})
        self.assertEqual(4096, len(back.message))

    def test_repr_names_class_and_details(self):
        self.assertEqual("VidConflict('late', expected=3)",
                         repr(errors.VidConflict('late', expected=3)))
