# SPDX-License-Identifier: Apache-2.0
"""Certificate, key and CA of a member's links, as files on disk.

They may change while the node runs: renewed certificates, a bundle of two
CAs, a new node key.  What is read again acts for new connections alone.
"""

import asyncio
from collections.abc import Callable
import os
import ssl
from typing import Any

from cryptography import x509
from oslo_log import log as logging

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.node import identity as identity_module
from tacker_ledger.transport import tls

LOG = logging.getLogger(__name__)

_FILE_MAX_BYTES = 256 * 1024
#: (inode, size, modified) of a file, None if it is not there
_Mark = tuple[int, int, int] | None


class Credentials:
    """The files that one member authenticates itself with.

    :param conf: names them
    :param identity: this member
    """

    def __init__(self, conf: Any,
                 identity: identity_module.NodeIdentity) -> None:
        self._options = conf.node
        self._marks = self._look()

    def _pairs(self) -> list[tuple[str, str]]:
        """Return (certificate file, key file) in use, then to follow."""
        first = (self._options.certificate_file, self._options.node_key_file)
        following = tuple(path + identity_module.NEXT for path in first)
        if all(map(os.path.exists, following)):
            return [first, (following[0], following[1])]
        return [first]

    def _chosen(self, federation: federation_module.Federation
                ) -> tuple[str, str, bytes]:
        """Return the files of the node key that a federation names.

        Those in use if it names none of them.
        """
        named = {member.node_key.signing for member in federation.members}
        for certificate, key in self._pairs():
            node_key = tls.key_of_file(certificate)
            if node_key in named:
                return certificate, key, node_key
        certificate, key = self._pairs()[0]
        return certificate, key, tls.key_of_file(certificate)

    def load(self, federation: federation_module.Federation
             ) -> tuple[bytes, ssl.SSLContext, ssl.SSLContext]:
        """Return node key, server's and client's context.

        :raises BadOption: a file is missing or they do not belong together
        """
        self._marks = self._look()
        certificate, key, node_key = self._chosen(federation)
        files = (certificate, key, self._options.ca_file)
        return node_key, tls.server_context(*files), tls.client_context(
            *files)

    def _look(self) -> list[_Mark]:
        paths = [self._options.certificate_file, self._options.node_key_file,
                 self._options.ca_file]
        return [_mark(path) for path in (
            *paths, *(path + identity_module.NEXT for path in paths[:2]))]

    def changed(self) -> bool:
        """Return whether a file is another one than when it was loaded."""
        return self._look() != self._marks

    def ends_ms(self, federation: federation_module.Federation
                ) -> list[tuple[str, int]]:
        """Return (what, when it ends) of certificate and CA.

        Milliseconds since the Unix epoch; a file that cannot be read is
        left out.  Of several CAs the one that ends last counts.

        :raises BadOption: there is no certificate
        """
        found = []
        for what, path in (('certificate', self._chosen(federation)[0]),
                           ('ca', self._options.ca_file)):
            try:
                with open(path, 'rb') as file:
                    ends = [one.not_valid_after_utc
                            for one in x509.load_pem_x509_certificates(
                                file.read(_FILE_MAX_BYTES))]
            except (OSError, ValueError):
                continue
            end = max(ends) if what == 'ca' else ends[0]
            found.append((what, int(end.timestamp() * 1000)))
        return found


def _mark(path: str) -> _Mark:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class Watch:
    """Calls a function when files have changed.

    :param changed: tells whether they have
    :param reload: reads them again; may raise BadOption
    """

    def __init__(self, changed: Callable[[], bool],
                 reload: Callable[[], None],
                 interval_seconds: float) -> None:
        self._changed = changed
        self._reload = reload
        self._interval_seconds = interval_seconds
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch from now on."""
        self._task = asyncio.create_task(self._run())

    def now(self) -> None:
        """Read again, changed or not."""
        self._wake.set()

    async def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._interval_seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass
            if self._wake.is_set() or self._changed():
                self._wake.clear()
                try:
                    self._reload()
                except errors.LedgerError as error:
                    # what is loaded goes on; the files may be half-way
                    LOG.error('Not read again: %s', error.message)
