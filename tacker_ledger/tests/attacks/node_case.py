# SPDX-License-Identifier: Apache-2.0
"""A federation of real processes to attack, and what must not change."""

import contextlib
import dataclasses
import json
import pathlib
import ssl
from typing import Any
import urllib.parse

import cbor2
import requests
from testtools import content

from tacker_ledger.core import codec
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.node import query
from tacker_ledger.tests import base
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional import federation

CBOR = 'application/cbor'


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a door said.

    :param results: (txid, code, message) of a 202, else empty
    :param error: the JSON of a refusal, else empty
    """

    status: int
    headers: Any
    results: tuple[tuple[bytes | None, str | None, str | None], ...] = ()
    error: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def codes(self) -> list[str | None]:
        """The code of each submission, or of the whole."""
        return ([code for _txid, code, _message in self.results]
                or [self.error.get('code')])

    @property
    def retry_after(self) -> str | None:
        """What the header says."""
        return self.headers.get('Retry-After')


class NodeCase(base.TestCase):
    """One federation for all tests of a class; each leaves it running.

    No heartbeat comes while a test runs, so a head that stays is a ledger
    that nothing has been written to.
    """

    TIMEOUT_SCALE = 2
    NODES = 4
    ADMISSION = 'open'
    PLAIN_HTTP = True
    OPTIONS: federation.Options = {}
    HEARTBEAT_SECONDS = 3600.0
    #: Further arguments of ``federation init``.
    INIT: tuple[str, ...] = ()
    #: Members whose process is not started: their keys are the attacker's.
    ABSENT: tuple[int, ...] = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = federation.Federation(
            cls.NODES, heartbeat_seconds=cls.HEARTBEAT_SECONDS,
            admission=cls.ADMISSION, plain_http=cls.PLAIN_HTTP,
            options=cls.OPTIONS, init=('--suite', 'ed25519', *cls.INIT),
            start=False)
        cls.addClassCleanup(cls.members.close)
        cls.h = cls.members.h
        cls.prepare()
        present = [index for index in range(cls.NODES)
                   if index not in cls.ABSENT]
        for index in present:
            cls.members.spawn(index)
        for index in present:
            cls.members.wait_ready(index)
        cls.members.wait_until(lambda: all(
            cls.members.status(index)['has_quorum'] for index in present),
            what='every node sees a quorum')

    @classmethod
    def prepare(cls):
        """Change what nodes read at their start."""

    @classmethod
    def enrolled(cls, count):
        """Return authors whose keys every node lets write."""
        made = [authors.Author(cls.h) for _ in range(count)]
        cls.members.configure(0, {'node': {'enrolled_keys': ','.join(
            one.key_id.hex() for one in made)}})
        return made

    def setUp(self):
        super().setUp()
        self.addCleanup(self.show_logs)

    def show_logs(self):
        """Attach the end of each node's log to a failure."""
        for index in range(self.members.size):
            self.addDetail(f'node-{index}', content.text_content(
                self.members.log(index)[-4000:]))

    # Talking

    def author(self):
        """Return somebody with a key of his own."""
        return authors.Author(self.h)

    def session(self):
        """Return an HTTP session of its own."""
        made = requests.Session()
        made.trust_env = False
        made.verify = str(self.members.ca_file)
        self.addCleanup(made.close)
        return made

    def post(self, index, body, session=None, **headers):
        """Send bytes to the door where transactions are handed in."""
        reply = (session or self.session()).post(
            self.members.url(index) + '/v1/transactions', data=body,
            headers={'Content-Type': CBOR, **headers}, timeout=30)
        return read(reply.status_code, reply.headers, reply.content)

    def submit(self, index, *written, session=None):
        """Hand in one submission, or several as a batch."""
        submissions = tuple(one.submission for one in written)
        body = (submissions[0] if len(submissions) == 1
                else codec.encode(submissions))
        return self.post(index, body, session)

    def address(self, index):
        """Return (host, port) of a door."""
        parts = urllib.parse.urlsplit(self.members.url(index))
        return parts.hostname, parts.port

    def tls(self, certificate: pathlib.Path | None = None,
            key: pathlib.Path | None = None) -> ssl.SSLContext:
        """Return a client's context without a look at names."""
        context = ssl.create_default_context(cafile=str(self.members.ca_file))
        context.check_hostname = False
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        return context

    # Watching

    def status(self, index):
        """Return what a node says of itself, over its local socket."""
        return self.members.status(index)

    def head(self, index):
        """Return (height, digest, state root) of a node's chain."""
        reader = query.open_directory(str(self.members.data(index)))
        header, _certificate = reader.head()
        parsed = block_module.Header.from_bytes(header)
        return parsed.height, parsed.digest(self.h), parsed.state_root

    def snapshot(self):
        """Return the heads of all nodes and what is in their pools."""
        return [(self.head(index), self.status(index)['pool'])
                for index in self.members.up()]

    @contextlib.contextmanager
    def nothing_changes(self):
        """Demand that no node has more or other blocks afterwards."""
        self.settled()
        before = self.snapshot()
        yield
        self.assertEqual(before, self.snapshot())

    def settled(self):
        """Wait until all nodes are at one height with empty pools."""
        def even():
            found = [self.status(index) for index in self.members.up()]
            return (len({one['height'] for one in found}) == 1
                    and not any(one['pool']['transactions']
                                for one in found))
        self.members.wait_until(even, 30.0, 'all nodes are in step')

    def wait_committed(self, *written, timeout=30.0):
        """Wait until all running nodes have the transactions."""
        for index in self.members.up():
            reader = query.open_directory(str(self.members.data(index)))
            self.members.wait_until(
                lambda reader=reader: all(
                    reader.transaction(one.txid) for one in written),
                timeout, f'node {index} has the transactions')

    def assert_goes_on(self, index=0, author=None):
        """Demand that a transaction is committed by all, in one chain."""
        made = (author or self.author()).template()
        answer = self.submit(index, made)
        self.assertEqual((202, [None]), (answer.status, answer.codes))
        self.wait_committed(made)
        self.settled()
        self.assertEqual(1, len({self.head(one)
                                 for one in self.members.up()}))
        # nobody accuses an honest leader, whatever others send; a busy
        # machine may be too slow for one
        for one in self.members.up():
            self.assertNotIn('leader is at fault', self.members.log(one))
        self.assertGreaterEqual(1, max(self.status(one)['view']
                                       for one in self.members.up()))

    @contextlib.contextmanager
    def bounded_memory(self, index, growth_max_bytes):
        """Demand that a node's process never holds much more meanwhile."""
        proc = pathlib.Path(f'/proc/{self.members.pid(index)}')
        # Resets the peak (proc(5)); the node is this user's own process.
        (proc / 'clear_refs').write_text('5')
        before = _memory_bytes(proc, 'VmRSS')
        yield
        self.assertLess(_memory_bytes(proc, 'VmHWM') - before,
                        growth_max_bytes)


def _memory_bytes(proc, name):
    for line in (proc / 'status').read_text().splitlines():
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) * 1024
    raise AssertionError(f'no {name} in {proc}')


def read(status, headers, body):
    """Return the answer in a door's reply."""
    if 'cbor' in headers.get('Content-Type', ''):
        results = cbor2.loads(cbor2.loads(body)[7])
        return Answer(status, headers,
                      tuple(tuple(one) for one in results))
    try:
        error = json.loads(body)
    except ValueError:
        error = {}
    return Answer(status, headers, (), error)
