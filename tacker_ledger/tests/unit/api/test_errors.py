# SPDX-License-Identifier: Apache-2.0
"""Errors as HTTP answers."""

import json

import falcon

from tacker_ledger.api import errors as api_errors
from tacker_ledger.core import errors
from tacker_ledger.tests import base


class TestErrors(base.TestCase):
    """Status, body and when to come back."""

    def written(self, error, status=None):
        resp = falcon.Response()
        api_errors.write(resp, error, status)
        return resp

    def test_every_code_keeps_its_status(self):
        for code, cls in errors.ALL_CODES.items():
            resp = self.written(cls('why', at=3))
            self.assertEqual(cls.http_status, resp.status)
            self.assertEqual(
                {'code': code, 'message': 'why', 'details': {'at': 3}},
                json.loads(resp.data))

    def test_a_client_can_turn_it_back(self):
        resp = self.written(errors.VidConflict('late', expected=4))
        error = errors.from_dict(json.loads(resp.data))
        self.assertIsInstance(error, errors.VidConflict)
        self.assertEqual({'expected': 4}, error.details)

    def test_when_to_come_back(self):
        for error in (errors.Busy('x'), errors.NoQuorum('x'),
                      errors.RateLimited('x')):
            seconds = {int(self.written(error).get_header('Retry-After'))
                       for _ in range(100)}
            self.assertGreater(len(seconds), 1)
            self.assertEqual(set(), seconds - set(range(1, 6)))
        named = errors.RateLimited('x', retry_after_seconds=17)
        self.assertEqual('17', self.written(named).get_header('Retry-After'))
        endless = errors.RateLimited('x', retry_after_seconds=10 ** 9)
        self.assertEqual('3600',
                         self.written(endless).get_header('Retry-After'))
        self.assertIsNone(
            self.written(errors.NotFound('x')).get_header('Retry-After'))

    def test_bounded_and_always_json(self):
        resp = self.written(errors.Malformed('x', rest='y' * 100_000))
        self.assertLess(len(resp.data), 20_000)
        self.assertEqual({}, json.loads(resp.data)['details'])
        resp = self.written(errors.Malformed('x', raw=b'\x00', path={1}))
        self.assertEqual('malformed', json.loads(resp.data)['code'])

    def test_errors_of_the_framework_have_our_codes(self):
        for error, code in (
                (falcon.HTTPNotFound(), 'not-found'),
                (falcon.HTTPMethodNotAllowed(['GET']), 'bad-option'),
                (falcon.HTTPBadRequest(description='so'), 'malformed'),
                (falcon.HTTPUnsupportedMediaType(), 'bad-option'),
                (falcon.HTTPInternalServerError(), 'internal'),
                (falcon.HTTPUnprocessableEntity(), 'malformed')):
            resp = falcon.Response()
            api_errors.write_http(resp, error)
            self.assertEqual((error.status_code, code),
                             (resp.status, json.loads(resp.data)['code']))

    def test_a_fault_is_logged_not_told(self):
        resp = falcon.Response()
        try:
            raise ZeroDivisionError('secret')
        except ZeroDivisionError as error:
            api_errors.write_unexpected(resp, error, 'GET', '/x' * 500)
        self.assertNotIn(b'secret', resp.data)
        self.assertIn('secret', self.log.output)
        self.assertNotIn('/x' * 200, self.log.output)
