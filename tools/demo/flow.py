# SPDX-License-Identifier: Apache-2.0
"""Transactions that flow through all doors while something else happens.

A writer hands public templates to each node in turn, by the tenant client
as it ships, and notes what was accepted.  A door that is gone is passed
over: what it took before is the writer's to prove.
"""

import pathlib
import threading
import time

from tacker_ledger.core import errors
from tacker_ledger.tenant_client import client

_PAUSE_SECONDS = 0.02


class Flow:
    """A writer in a thread of its own.

    :param directory: of the party that writes
    :param key: name of its key there
    :param doors: URLs of the members' doors, in their order
    """

    def __init__(self, directory: pathlib.Path, key: str,
                 doors: list[str]) -> None:
        self._directory = directory
        self._key = key
        self._doors = doors
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: (transaction, member whose door took it), as they were accepted
        self.accepted: list[tuple] = []
        #: Codes of what was not taken.
        self.refused: list[str] = []
        self.failure: Exception | None = None

    def start(self) -> None:
        """Write from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Write no more; raise what ended the writer before."""
        self._ended.set()
        self._thread.join(30)
        if self.failure is not None:
            raise self.failure

    def count(self) -> int:
        """Return how many were accepted; raise what ended the writer."""
        if self.failure is not None:
            raise self.failure
        return len(self.accepted)

    def _run(self) -> None:
        clients: list[client.TenantClient] = []
        try:
            clients = [client.TenantClient.open(
                self._directory, ['node-%d=%s' % (member, url)])
                for member, url in enumerate(self._doors)]
            while not self._ended.is_set():
                for member, one in enumerate(clients):
                    self._write(member, one)
        except Exception as error:  # noqa: BLE001 (raised by stop)
            self.failure = error
        finally:
            for one in clients:
                one.close()

    def _write(self, member: int, one: client.TenantClient) -> None:
        number = len(self.accepted)
        try:
            written = one.templates.publish(
                one.keys.find(self._key), applier='file', target='flow',
                data=b'number %d' % number, vendor='Example Networks',
                wait=False)
        except errors.LedgerError as error:
            self.refused.append(error.code)
        else:
            self.accepted.append((written.transaction, member))
        time.sleep(_PAUSE_SECONDS)

    def prove(self, member: int | None = None) -> list:
        """Return the proven place of everything accepted, in its order.

        What no block holds is handed over again, as the tenant client does
        it for whoever waits for a proof.

        :param member: whose answers alone have to prove it; None: anybody's
        """
        doors = (() if member is None
                 else ['node-%d=%s' % (member, self._doors[member])])
        with client.TenantClient.open(self._directory, doors) as one:
            return [one.context.sender.wait_for(transaction)
                    for transaction, _member in self.accepted]
