# SPDX-License-Identifier: Apache-2.0
"""Tests of calls to a node that answers strangely."""

import contextlib
import http.server
import threading

from oslo_config import cfg

from tacker_ledger.bitcoin import connection
from tacker_ledger.bitcoin import rpc
from tacker_ledger.conf import bitcoin as options
from tacker_ledger.core import errors
from tacker_ledger.tests import base


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers every call alike."""

    def do_POST(self):
        status, kind, body = self.server.answer
        self.rfile.read(int(self.headers['Content-Length']))
        self.server.seen.append((self.path, self.headers['Authorization']))
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.end_headers()
        with contextlib.suppress(OSError):  # the caller had enough
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.cookie = self.make_directory() / 'cookie'
        self.cookie.write_text('user:word')
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                      _Handler)
        self.server.seen = []
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.client = rpc.Client(
            f'http://127.0.0.1:{self.server.server_port}',
            cookie_file=str(self.cookie))

    def refused(self, reason, status, body, kind='application/json'):
        self.server.answer = (status, kind, body)
        error = self.assertRaises(errors.BitcoinFailed, self.client.call,
                                  'uptime')
        self.assertEqual(reason, error.reason, error.message)
        return error


class TestAnswers(TestCase):

    def test_good(self):
        self.server.answer = (200, 'application/json; charset=utf-8',
                              b'{"result": 5, "error": null, "id": 1}')
        self.assertEqual(5, self.client.wallet('a/b').call('uptime'))
        self.assertEqual([('/wallet/a%2Fb', 'Basic dXNlcjp3b3Jk')],
                         self.server.seen)

    def test_errors_of_the_node(self):
        for number, reason in ((-28, 'warming-up'), (-5, 'not-found'),
                               (-18, 'no-wallet'), (-6, 'wallet-empty'),
                               (-26, 'rejected'), (-99, 'rejected')):
            error = self.refused(reason, 500, (
                b'{"result": null, "id": 1, "error": '
                b'{"code": %d, "message": "x"}}' % number))
            self.assertEqual(number, error.details['number'])
            self.assertEqual(number == -28, error.passing)

    def test_no_answer_of_a_node(self):
        for body in (b'', b'x', b'[]', b'5', b'{"result"', b'\xff\xfe',
                     b'{"error": "text"}', b'{}', b'[' * 100_000,
                     b'{"error": {"code": "7"}}'):
            error = self.assertRaises(errors.BitcoinFailed, self._answer,
                                      body)
            self.assertIn(error.reason, ('bad-answer', 'rejected'), body)
        self.refused('bad-answer', 200, b'<html>', 'text/html')
        self.refused('unauthorized', 401, b'', 'text/html')
        self.refused('unauthorized', 403, b'', 'text/html')
        self.refused('warming-up', 503, b'Work queue', 'text/plain')

    def _answer(self, body):
        self.server.answer = (200, 'application/json', body)
        self.client.call('uptime')

    def test_an_answer_without_end(self):
        self.refused('bad-answer', 200,
                     bytes(connection.ANSWER_MAX_BYTES + 1))

    def test_nobody_there(self):
        self.server.shutdown()
        self.server.server_close()
        error = self.assertRaises(errors.BitcoinFailed, self.client.call,
                                  'uptime')
        self.assertEqual('unreachable', error.reason)
        self.cookie.unlink()
        error = self.assertRaises(errors.BitcoinFailed, self.client.call,
                                  'uptime')
        self.assertEqual('unreachable', error.reason)

    def test_a_file_that_holds_no_password(self):
        for text in ('', 'user', 'u:' + 'x' * 2000):
            self.cookie.write_text(text)
            error = self.assertRaises(errors.BitcoinFailed, self.client.call,
                                      'uptime')
            self.assertEqual('unauthorized', error.reason)
            self.assertNotIn('xxx', repr(error))


class TestOptions(base.TestCase):

    def make(self, **values):
        conf = cfg.ConfigOpts()
        conf.register_group(options.GROUP)
        conf.register_opts(options.OPTIONS, group=options.GROUP)
        conf([], default_config_files=[], default_config_dirs=[])
        for name, value in values.items():
            conf.set_override(name, value, 'bitcoin')
        return conf.bitcoin

    def test_addresses(self):
        for url in ('', 'host', 'ftp://h:1', 'http://h', 'http://u:p@h:1',
                    'http://h:1/path', 'http://h:99999'):
            self.assertRaises(errors.BadOption, rpc.Client, url,
                              cookie_file='x')
        self.assertRaises(errors.BadOption, rpc.Client, 'http://h:1')
        self.assertRaises(errors.BadOption, rpc.Client, 'http://h:1',
                          cookie_file='x', password_file='y')
        rpc.client(self.make(cookie_file='x'))

    def test_chain(self):
        chain = rpc.chain(self.make(network='signet'))
        self.assertEqual(rpc.NETWORKS['signet'][0], chain.genesis)
        self.assertIsNone(chain.pinned)
        chain = rpc.chain(self.make(genesis_block_hash='ab' * 32,
                                    pinned_block='7:' + 'cd' * 32))
        self.assertEqual(('ab' * 32, (7, 'cd' * 32)),
                         (chain.genesis, chain.pinned))
        for values in ({'genesis_block_hash': 'x'}, {'pinned_block': '7'},
                       {'pinned_block': 'x:' + 'cd' * 32}):
            self.assertRaises(errors.BadOption, rpc.chain,
                              self.make(**values))

    def test_depth(self):
        self.assertEqual(
            [6, 12, 2, 1], [rpc.final_depth(self.make(network=name))
                            for name in rpc.NETWORKS])
        self.assertEqual(0, rpc.final_depth(self.make(final_depth=0)))
