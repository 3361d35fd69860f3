# SPDX-License-Identifier: Apache-2.0
"""Transactions flow through the doors while members fail.

Transactions are signed before they are offered.  A writer behaves as a
tenant's client: it hands each transaction to one member and, while the
chain does not show it, again to another one.  What a member has *accepted*
has to be committed, once, whatever happens to that member.
"""

import collections
from collections.abc import Iterable
import dataclasses
import http.client
import itertools
import json
import threading
import time
from typing import Any

from tacker_ledger.core import errors
from tacker_ledger.tests.functional import authors
from tacker_ledger.tests.functional.faults import members as members_module
from tacker_ledger.transport import client as client_module

_ASK_SECONDS = 5.0
_AGAIN_SECONDS = 3.0
_PAUSE_SECONDS = 0.02


@dataclasses.dataclass(slots=True)
class _Waiting:
    written: authors.Written
    since: float
    handed: float


class Load:
    """A thread in the client's namespace that writes all the time.

    :param members: the federation
    :param batch: transactions of one call of a door
    :param per_second: how many are offered at most
    :param sizes: bytes of their payloads, in turn
    """

    def __init__(self, members: members_module.Members, *, batch: int = 10,
                 per_second: float = 100.0,
                 sizes: Iterable[int] = (400,)) -> None:
        self._members = members
        self._batch = batch
        self._per_second = per_second
        self._sizes = itertools.cycle(sizes)
        self._author = authors.Author(members.h)
        self._ready: collections.deque[authors.Written] = collections.deque()
        self._waiting: dict[bytes, _Waiting] = {}
        self._stop = threading.Event()
        self._offering = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: Transaction ids that some member accepted.
        self.accepted: set[bytes] = set()
        #: The same that the chain of some member was seen to hold.
        self.committed: set[bytes] = set()
        #: Refusals by their code.
        self.refused: collections.Counter[str] = collections.Counter()
        #: Seconds from the first offer to the sight on a chain.
        self.latencies: list[float] = []
        self._failure: BaseException | None = None

    def prepare(self, count: int) -> None:
        """Sign some transactions in advance."""
        self._ready.extend(self._author.template(next(self._sizes))
                           for _ in range(count))

    def __enter__(self) -> 'Load':
        self.prepare(2 * self._batch)
        self._offering.set()
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        self._thread.join(60)

    def settle(self, timeout: float = members_module.SOON_SECONDS) -> None:
        """Offer nothing new; return when all that was accepted is there."""
        self._offering.clear()
        self._members.wait_until(
            lambda: self._failure is not None or not self._waiting,
            timeout, 'everything that was accepted is committed')
        self._stop.set()
        self._thread.join(60)
        if self._failure is not None:
            raise self._failure

    def wait_accepted(self, count: int) -> None:
        """Return when so many more have been accepted."""
        wanted = len(self.accepted) + count
        self._members.wait_until(
            lambda: self._failure is not None
            or len(self.accepted) >= wanted, members_module.SOON_SECONDS,
            f'{count} transactions are accepted')

    # The thread

    def _run(self) -> None:
        try:
            with self._members.at_client():
                self._write()
        except BaseException as error:  # noqa: BLE001 - raised by settle
            self._failure = error

    def _write(self) -> None:
        members = self._members
        asked = client_module.LedgerClient(
            [(url, index) for index, url in enumerate(members.urls())],
            members.genesis, ca_pem=members.ca_file.read_text(),
            timeout_seconds=_ASK_SECONDS)
        nodes = {node.member: node for node in asked.pool.nodes()}
        turn = itertools.count()
        due = time.monotonic()
        while not self._stop.is_set():
            self._look()
            up = members.up()
            index = up[next(turn) % len(up)] if up else None
            now = time.monotonic()
            batch = self._again(now)
            if self._offering.is_set() and now >= due:
                batch += self._fresh(now)
                due = max(due, now - 1) + self._batch / self._per_second
            if index is None or not batch:
                time.sleep(_PAUSE_SECONDS)
                continue
            self._hand(asked, nodes[index], batch)
        asked.close()

    def _fresh(self, now: float) -> list[_Waiting]:
        if len(self._ready) < self._batch:
            self.prepare(self._batch)
        return [_Waiting(self._ready.popleft(), now, now)
                for _ in range(self._batch)]

    def _again(self, now: float) -> list[_Waiting]:
        """Return what the chain does not show although it should."""
        found = [one for one in self._waiting.values()
                 if now - one.handed > _AGAIN_SECONDS]
        return found[:100 - self._batch]

    def _hand(self, asked: client_module.LedgerClient,
              node: client_module.Node, batch: list[_Waiting]) -> None:
        try:
            results = asked.submit([one.written.submission for one in batch],
                                   node=node).body
        except errors.LedgerError as error:
            self.refused[error.code] += len(batch)
            time.sleep(_PAUSE_SECONDS)
            results = [(None, 'unanswered', None)] * len(batch)
        now = time.monotonic()
        for one, (_txid, code, _message) in zip(batch, results, strict=True):
            txid = one.written.txid
            one.handed = now
            if code is None:
                self.accepted.add(txid)
                self._waiting[txid] = one
            elif code == 'duplicate' or txid in self._waiting:
                pass
            elif code == 'unanswered':
                # it may have been taken: the client asks again
                self._waiting[txid] = one
            else:
                self.refused[code] += 1

    def _look(self) -> None:
        """Take note of what the chains show."""
        now = time.monotonic()
        for index in self._members.up():
            reader = self._members.reader(index)
            for txid, one in list(self._waiting.items()):
                if reader.place(txid) is not None:
                    del self._waiting[txid]
                    self.committed.add(txid)
                    self.latencies.append(now - one.since)


def get(members: members_module.Members, index: int, path: str
        ) -> tuple[int, dict[str, str], bytes]:
    """Ask a door from the client's place; return status, headers, body."""
    host, _, port = members.url(index).rpartition('//')[2].rpartition(':')
    with members.at_client():
        connection = http.client.HTTPSConnection(
            host, int(port), timeout=20, context=members.context())
        try:
            connection.request('GET', path)
            answer = connection.getresponse()
            return (answer.status, {name.lower(): value for name, value
                                    in answer.getheaders()}, answer.read())
        finally:
            connection.close()


def status_at_door(members: members_module.Members, index: int
                   ) -> dict[str, Any]:
    """Return what a door says of its node."""
    found: dict[str, Any] = json.loads(get(members, index, '/v1/status')[2])
    return found
