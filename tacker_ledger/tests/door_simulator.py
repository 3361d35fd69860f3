# SPDX-License-Identifier: Apache-2.0
"""Doors of a simulated federation: honest ones, and liars of every kind.

A :class:`Door` answers the requests of clients for one member with that
member's real answer key, from the chain as it is or as it was.  What it
would say passes through ``lie`` before it is signed, so a test can make it
say anything.  :class:`Doors` puts the doors of all members where clients
look for them: in place of the client's connections, or on loopback sockets.
"""

from collections.abc import Callable
import contextlib
import dataclasses
import functools
import http.server
import json
import threading
import time
from typing import Any
import urllib.parse

from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import answer as answer_module
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core.ledger import validation
from tacker_ledger.core import limits
from tacker_ledger.tests import ledger_simulator
from tacker_ledger.transport import bounded_http

#: (what was asked, the body as lists) -> the body to sign
Liar = Callable[[str, Any], Any]
CBOR = 'application/cbor'
JSON = 'application/json'


def lists(value: Any) -> Any:
    """Return a body that can be changed in place."""
    if isinstance(value, tuple | list):
        return [lists(item) for item in value]
    return value


def flipped(data: bytes, position: int = 7) -> bytes:
    """Return bytes with one bit changed."""
    position %= len(data)
    return (data[:position] + bytes([data[position] ^ 1])
            + data[position + 1:])


class Past:
    """The chain as it was at a height."""

    def __init__(self, chain: ledger_simulator.Chain) -> None:
        self.height = chain.height
        state = state_map.MemoryState()
        state.update(dict(chain.state._values.items()))
        self.state = state
        nodes = state_map.SparseNodes()
        state_map.build(chain.h, nodes, state.hashes())
        self.tree = state_map.StateMap(chain.h, nodes, state)


class Door:
    """One member's door.

    :param lie: None, or what changes every body before it is signed
    :param past: None, or the chain as this member shows it
    :param silent: it does not answer
    :param refusal: the error it answers every request with
    """

    def __init__(self, chain: ledger_simulator.Chain, member: int) -> None:
        self.chain = chain
        self.member = member
        self.instance = bytes([member + 1]) * 16
        self.lie: Liar | None = None
        self.past: Past | None = None
        self.silent = False
        self.refusal: errors.LedgerError | None = None
        #: The member whose key signs, if not this one's.
        self.impostor: int | None = None
        self.asked: list[str] = []
        self.submitted: list[transaction_module.Transaction] = []
        self.drops_submissions = False

    def freeze(self) -> None:
        """Show the chain as it is now from here on."""
        self.past = Past(self.chain)

    def thaw(self) -> None:
        """Show the chain as it is."""
        self.past = None

    # What it says

    @property
    def height(self) -> int:
        """Of the newest block it shows."""
        return self.past.height if self.past else self.chain.height

    def _pair(self, height: int) -> tuple[bytes, bytes]:
        one = self.chain.blocks[height]
        return one.block.header_bytes, one.certificate

    def _head(self) -> Any:
        return self._pair(self.height)

    def _state(self, keys: list[bytes]) -> Any:
        shown = self.past or self.chain
        return (self._head(), [
            (key, shown.state.get(key), shown.tree.prove(key).to_bytes())
            for key in keys])

    def places(self, key: bytes) -> list[tuple[int, int]]:
        """Return where the transactions of a history stand."""
        return [place for place in self.chain.histories.get(key, [])
                if place[0] <= self.height]

    def _history(self, key: bytes, after: int, limit: int) -> Any:
        entries, size = [], 0
        for place in self.places(key)[after:after + limit]:
            raw = self.chain.raw_at(place)
            entries.append((*place, raw))
            size += len(raw)
            if size > limits.ANSWER_MAX_BYTES // 2:
                break
        return (self._head(), key, entries)

    def _transaction(self, txid: bytes) -> Any:
        place = self.chain.places.get(txid)
        if place is None or place[0] > self.height:
            return (None,)
        block = self.chain.blocks[place[0]].block
        proof = block_module.InclusionProof.of(
            self.chain.h, block.raw_transactions, place[1])
        return (self._pair(place[0]), proof.to_fields(),
                block.raw_transactions[place[1]])

    def _federations(self, from_epoch: int) -> Any:
        rows = []
        for signed, txid in self.chain.successors[max(0, from_epoch - 1):]:
            pair, inclusion, raw = self._transaction(txid)
            rows.append((signed.to_bytes(), pair, inclusion, raw))
        return rows

    def _submit(self, body: bytes) -> Any:
        rows = []
        raws = codec.decode(body, codec.Array(codec.Bytes(
            1, limits.SUBMISSION_MAX_BYTES), 1, 100), 1 << 24)
        for raw in raws:
            try:
                one = validation.check_submission(
                    self.chain.h, self.chain.provider, raw)
                if not self.drops_submissions:
                    self._take(one)
                rows.append((one.txid, None, None))
            except errors.LedgerError as exc:
                rows.append((None, exc.code, exc.message))
        return rows

    def _take(self, one: transaction_module.Transaction) -> None:
        if one.txid in self.chain.places:
            raise errors.Duplicate('It is there already.')
        record = self.chain.cid_record(one.content.cid)
        if (record is not None and record.kind == 1
                and one.content.vid < record.next_vid):
            raise errors.VidConflict('Another version was expected.')
        if all(one.txid != other.txid for other in self.submitted):
            self.submitted.append(one)

    def _say(self, path: str, query: dict[str, list[str]],
             body: bytes) -> Any:
        first, _, rest = path.removeprefix('/v1/').partition('/')
        if first == 'head':
            return self._head()
        if first == 'state':
            return self._state([bytes.fromhex(key) for key in query['key']])
        if first == 'histories':
            return self._history(bytes.fromhex(rest), int(query['after'][0]),
                                 int(query['limit'][0]))
        if first == 'transactions' and rest:
            return self._transaction(bytes.fromhex(rest))
        if first == 'transactions':
            return self._submit(body)
        if first == 'federation':
            return self._federations(int(query['from_epoch'][0]))
        raise errors.NotFound(f'no {path}')

    def handle(self, method: str, target: str, body: bytes
               ) -> tuple[int, str, bytes]:
        """Return (status, media type, body) for a request."""
        parts = urllib.parse.urlsplit(target)
        self.asked.append(parts.path)
        if self.refusal is not None:
            return (self.refusal.http_status, JSON,
                    json.dumps(self.refusal.to_dict()).encode())
        try:
            said = self._say(parts.path, urllib.parse.parse_qs(parts.query),
                             body)
        except errors.LedgerError as exc:
            return (exc.http_status, JSON,
                    json.dumps(exc.to_dict()).encode())
        if self.lie is not None:
            said = self.lie(parts.path, lists(said))
        return 200, CBOR, self.signed(method, target, body, said)

    def signed(self, method: str, target: str, body: bytes,
               said: Any) -> bytes:
        """Return the envelope of what is said, signed."""
        head = self.chain.blocks[self.height].block
        signer = self.member if self.impostor is None else self.impostor
        return answer_module.sign_answer(
            self.chain.h, functools.partial(
                self.chain.provider.sign_raw_ed25519,
                self.chain.secrets[signer].answer),
            member=self.member, instance=self.instance,
            request_digest=answer_module.Request.of(
                method, target, body).digest(self.chain.h),
            head_height=head.header.height, head_digest=head.digest,
            head_time_ms=head.header.timestamp_ms,
            body=answer_module.encode_body(said)).to_bytes()

    def changed_since(self, keys: list[bytes], height: int) -> bool:
        """Return whether one of the histories has grown above a height."""
        return any(place[0] > height for key in keys
                   for place in self.places(key)[-1:])


@dataclasses.dataclass
class _Connection:
    """Stands in for a client's connection to a door."""

    door: Door

    def request(self, method: str, target: str, *, accept: str,
                body: bytes = b'', body_type: str = '',
                timeout_seconds: float, max_bytes: int
                ) -> bounded_http.Response:
        if self.door.silent:
            raise errors.Timeout('The door does not answer.')
        status, media_type, content = self.door.handle(method, target, body)
        if len(content) > max_bytes:
            raise errors.TooLarge('The answer is too large.')
        return bounded_http.Response(status, media_type, 0.0, content)

    def close(self) -> None:
        pass


class Doors:
    """The doors of all members of a chain."""

    def __init__(self, chain: ledger_simulator.Chain) -> None:
        self.chain = chain
        self.doors = [Door(chain, member)
                      for member in range(chain.federation.size)]

    def __getitem__(self, member: int) -> Door:
        return self.doors[member]

    def __iter__(self):
        return iter(self.doors)

    def connect(self, client: Any) -> None:
        """Lead a client's connections here."""
        by_url = dict(zip(self.chain.urls, self.doors, strict=True))
        client._connections = {url: _Connection(door)
                               for url, door in by_url.items()}

    def submitted(self) -> list[transaction_module.Transaction]:
        """Return, once, what clients have submitted anywhere."""
        found = {one.txid: one for door in self.doors
                 for one in door.submitted
                 if one.txid not in self.chain.places}
        for door in self.doors:
            door.submitted = []
        return list(found.values())

    @contextlib.contextmanager
    def listening(self, wait_poll_seconds: float = 0.02):
        """Serve all doors on loopback sockets; yield their URLs.

        The URLs differ from those in the federation document: clients are
        told them in their bootstrap documents.
        """
        servers = [_Server(door, wait_poll_seconds) for door in self.doors]
        try:
            yield [server.url for server in servers]
        finally:
            for server in servers:
                server.shutdown()
                server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, door: Door, wait_poll_seconds: float) -> None:
        self.door = door
        self.wait_poll_seconds = wait_poll_seconds
        super().__init__(('127.0.0.1', 0), _Handler)
        self.url = f'http://127.0.0.1:{self.server_address[1]}'
        threading.Thread(target=self.serve_forever, args=(0.05,),
                         daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients may go away."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def _serve(self) -> None:
        door = self.server.door
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        self._wait(door)
        status, kind, content = door.handle(self.command, self.path, body)
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)

    def _wait(self, door: Door) -> None:
        """Hold a long-poll until one of its keys has changed."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if 'wait' not in query or 'since' not in query:
            return
        keys = [bytes.fromhex(key) for key in query.get('key', ())]
        since = int(query['since'][0])
        end = time.monotonic() + int(query['wait'][0])
        while time.monotonic() < end and not door.changed_since(keys, since):
            time.sleep(self.server.wait_poll_seconds)

    do_GET = do_POST = _serve

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


def pair_key(chain: ledger_simulator.Chain, recipient_id: bytes,
             sender_id: bytes) -> bytes:
    """Return the state key of a pair's history."""
    return identifiers.pair_state_key(chain.h, recipient_id, sender_id)
