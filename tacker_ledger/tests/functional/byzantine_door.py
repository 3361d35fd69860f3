# SPDX-License-Identifier: Apache-2.0
"""A member's door that lies: a real process with the member's real keys.

It asks an honest node, changes what it heard as its mode says, and signs the
result with the member's own answer key, as a compromised member would. The
demonstration and the attack tests put it in front of VNFs. Run it with::

    python -m tacker_ledger.tests.functional.byzantine_door NODE_DIRECTORY \
        UPSTREAM_URL HOST:PORT MEMBER

and write a mode (a name of ``MODES``) to its standard input, one a line; it
answers with the mode's name when it is in force. A line ``?`` is answered
with the number of polls (requests for states) answered in this mode.
"""

from collections.abc import Callable
import functools
import http.server
import json
import pathlib
import secrets
import ssl
import sys
import threading
from typing import Any
import urllib.parse

import cbor2
import requests

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import answer

UPSTREAM_SECONDS = 70
Body = list[Any]


def _flipped(data: bytes, position: int) -> bytes:
    position %= len(data)
    return (data[:position] + bytes([data[position] ^ 1])
            + data[position + 1:])


def _head(body: Body) -> Body:
    """Return the pair of header and certificate in a body."""
    return body if isinstance(body[0], bytes) else body[0]


def _has_head(body: Any) -> bool:
    return (isinstance(body, list) and bool(body)
            and (isinstance(body[0], bytes) or (
                isinstance(body[0], list) and len(body[0]) == 2
                and isinstance(body[0][0], bytes)))
            and isinstance(_head(body)[1], bytes))


def _header_field(body: Body, index: int) -> None:
    """Flip a bit of one field of the head's header."""
    head = _head(body)
    header = list(cbor2.loads(head[0]))
    header[index] = (_flipped(header[index], 7)
                     if isinstance(header[index], bytes)
                     else header[index] + 1)
    head[0] = cbor2.dumps(header)


def _certificate(body: Body) -> None:
    head = _head(body)
    if head[1]:
        head[1] = _flipped(head[1], len(head[1]) - 3)


def _state_entries(body: Body) -> list[list[Any]]:
    if len(body) != 2 or not isinstance(body[1], list):
        return []
    return [entry for entry in body[1] if isinstance(entry, list)]


def _nothing(body: Body) -> None:
    """Say of every value that it is absent (nothing for you)."""
    for entry in _state_entries(body):
        entry[1] = None


def _value(body: Body) -> None:
    for entry in _state_entries(body):
        if entry[1] is not None:
            entry[1] = _flipped(entry[1], len(entry[1]) - 1)


def _absent_value(body: Body) -> None:
    """A value where there is none: absence turned into presence."""
    for entry in _state_entries(body):
        if entry[1] is None:
            entry[1] = cbor2.dumps([1, 1, bytes(32)])


def _proof(body: Body) -> None:
    for entry in _state_entries(body):
        proof = list(cbor2.loads(entry[2]))
        if proof[1]:
            proof[1] = [_flipped(proof[1][0], 0), *proof[1][1:]]
        else:
            proof[2] += 1
        entry[2] = cbor2.dumps(proof)


def _transactions(body: Body) -> None:
    """A byte of each configuration in a history, and the lie it would be."""
    if len(body) == 3 and isinstance(body[1], bytes):
        for entry in body[2]:
            entry[2] = _flipped(entry[2], len(entry[2]) - 20)


def _withheld(body: Body) -> None:
    """Leave the last transaction of a history out."""
    if len(body) == 3 and isinstance(body[1], bytes) and body[2]:
        body[2].pop()


#: What a mode does to the decoded body of an answer that has a head.
MODES: dict[str, Callable[[Body], None]] = {
    'honest': lambda body: None,
    'stale': lambda body: None,         # see ByzantineDoor._stale
    'head-height': lambda body: _header_field(body, 2),
    'forged-block': lambda body: _header_field(body, 4),
    'state-root': lambda body: _header_field(body, 5),
    'head-time': lambda body: _header_field(body, 6),
    'certificate': _certificate,
    'nothing': _nothing,
    'value': _value,
    'absence': _absent_value,
    'proof': _proof,
    'transactions': _transactions,
    'withheld': _withheld,
    'signature': lambda body: None,     # see ByzantineDoor.answer
}


class ByzantineDoor:
    """Answers for one member, with its keys, and lies on request.

    :param directory: the member's node directory
    :param upstream: door URL of an honest node
    :param chain_id: 32 bytes
    :param member: index of the lying member
    """

    def __init__(self, directory: pathlib.Path, upstream: str,
                 chain_id: bytes, member: int) -> None:
        self._directory = directory
        self._upstream = upstream
        self._hasher = hashing.hasher(chain_id)
        self._member = member
        seed = (directory / 'answer.key').read_bytes()
        self._sign = functools.partial(
            providers.default().sign_raw_ed25519, seed)
        self._instance = secrets.token_bytes(16)
        self._mode = 'honest'
        self._first: dict[str, bytes] = {}
        self._local = threading.local()
        #: Polls answered in the present mode.
        self.asked = 0

    def set_mode(self, mode: str) -> None:
        """Lie as ``mode`` says from the next request on."""
        if mode not in MODES:
            raise ValueError(mode)
        self._mode = mode
        self.asked = 0

    def _session(self) -> requests.Session:
        if not hasattr(self._local, 'session'):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
            self._local.session.verify = str(self._directory / 'ca.pem')
        return self._local.session

    def _shape(self, target: str) -> str:
        parts = urllib.parse.urlsplit(target)
        query = [(key, value) for key, value in
                 urllib.parse.parse_qsl(parts.query)
                 if key not in ('nonce', 'since', 'wait')]
        return parts.path + '?' + urllib.parse.urlencode(query)

    def handle(self, method: str, target: str, body: bytes,
               headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Return (status, media type, body) for one request."""
        mode = self._mode
        self.asked += target.startswith('/v1/state')
        if mode == 'stale' and self._shape(target) in self._first:
            told = self._first[self._shape(target)]
            status, kind = 200, 'application/cbor'
        else:
            reply = self._session().request(
                method, self._upstream + target, data=body,
                headers=headers, timeout=UPSTREAM_SECONDS)
            status, told = reply.status_code, reply.content
            kind = reply.headers.get('Content-Type', '')
        if 'cbor' not in kind:
            return status, kind, told
        if status == 200:
            self._first.setdefault(self._shape(target), told)
        return status, kind, self.answer(mode, method, target, body, told)

    def answer(self, mode: str, method: str, target: str, request: bytes,
               told: bytes) -> bytes:
        """Return the honest answer ``told``, changed and signed anew."""
        honest = cbor2.loads(told)
        body = self._lists(cbor2.loads(honest[7]))
        if _has_head(body):
            MODES[mode](body)
        digest = answer.Request.of(method, target, request).digest(
            self._hasher)
        signed = answer.sign_answer(
            self._hasher, self._sign, member=self._member,
            instance=self._instance, request_digest=digest,
            head_height=honest[4], head_digest=honest[5],
            head_time_ms=honest[6], body=cbor2.dumps(body)).to_bytes()
        return _flipped(signed, -2) if mode == 'signature' else signed

    def _lists(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._lists(item) for item in value]
        return value


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def __init__(self, door: ByzantineDoor, *args: Any) -> None:
        self._door = door
        super().__init__(*args)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() in ('content-type', 'accept')}
        try:
            status, kind, content = self._door.handle(
                self.command, self.path, body, headers)
        except requests.RequestException as error:
            status, kind = 503, 'application/json'
            content = json.dumps({'code': 'busy',
                                  'message': str(error)}).encode()
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _serve

    def log_message(self, *_args: Any) -> None:
        """Say nothing: the standard output is the control channel."""


def serve(door: ByzantineDoor, directory: pathlib.Path, host: str,
          port: int) -> http.server.ThreadingHTTPServer:
    """Start the door over TLS in a thread; the caller shuts it down."""
    server = http.server.ThreadingHTTPServer(
        (host, port), functools.partial(_Handler, door))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(directory / 'node.pem', directory / 'node.key')
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main(argv: list[str]) -> int:
    """Run one lying door until its standard input ends."""
    directory = pathlib.Path(argv[0])
    host, _, port = argv[2].rpartition(':')
    upstream = argv[1]
    probe = requests.get(upstream + '/v1/status', timeout=10,
                         verify=str(directory / 'ca.pem')).json()
    door = ByzantineDoor(directory, upstream,
                         bytes.fromhex(probe['chain_id']), int(argv[3]))
    server = serve(door, directory, host, int(port))
    print('honest', flush=True)
    for line in sys.stdin:
        if line.strip() == '?':
            print(door.asked, flush=True)
        else:
            door.set_mode(line.strip())
            print(line.strip(), flush=True)
    server.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
