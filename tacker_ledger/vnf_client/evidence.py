# SPDX-License-Identifier: Apache-2.0
"""What nodes were caught at, kept in files.

A file ``*.lie`` convicts its member by itself: anybody with the federation
document can check it (``core.ledger.lie``).  A file ``*.claim`` holds the
same record of an answer whose falsehood shows only beside something else,
such as an earlier answer or a proof by another node.
"""

from collections.abc import Iterable
import hashlib
import pathlib

from oslo_log import log as logging

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import lie as lie_module
from tacker_ledger.transport import client as client_module
from tacker_ledger.transport import node_pool
from tacker_ledger.vnf_client import files

LOG = logging.getLogger(__name__)


class Evidence:
    """A directory of records.

    :param max_count: further ones are reported, not kept
    """

    def __init__(self, directory: pathlib.Path, h: hashing.Hasher,
                 provider: provider_module.Provider, max_count: int) -> None:
        self._directory = files.make_directory(directory)
        self._h = h
        self._provider = provider
        self._max_count = max_count

    def accuse(self, federation: federation_module.Federation,
               reply: client_module.Reply, error: errors.LedgerError
               ) -> None:
        """Keep and report an authentic answer that is false."""
        self._keep(federation, reply.node, reply.request, reply.raw,
                   error.code, error.message)

    def collect(self, federation: federation_module.Federation,
                offences: Iterable[node_pool.Offence]) -> None:
        """Keep and report what the pool of nodes has noticed itself."""
        for one in offences:
            self._keep(federation, one.node, one.request, one.answer,
                       one.code, 'it contradicts what it signed before',
                       one.earlier)

    def _keep(self, federation: federation_module.Federation,
              node: node_pool.Node, request: node_pool.Request, raw: bytes,
              code: str, message: str, earlier: bytes | None = None) -> None:
        stem = '-'.join((str(node.member), code,
                         hashlib.sha256(raw).hexdigest()[:16]))
        if any(self._directory.glob(stem + '.*')):
            return
        suffix, record = self._record(federation, node, request, raw, code)
        LOG.error('Node %s (member %d) gave a false answer, %s: %s; '
                  'evidence: %s%s', node.url, node.member, code, message,
                  stem, suffix)
        if len(list(self._directory.iterdir())) >= self._max_count:
            LOG.warning('No more evidence is kept: there are %d records',
                        self._max_count)
            return
        if earlier is not None:
            (self._directory / f'{stem}.earlier').write_bytes(earlier)
        (self._directory / (stem + suffix)).write_bytes(record)

    def _record(self, federation: federation_module.Federation,
                node: node_pool.Node, request: node_pool.Request,
                raw: bytes, code: str) -> tuple[str, bytes]:
        try:
            found = lie_module.evidence_of(
                self._h, self._provider, federation, request, node.member,
                raw)
        except errors.BadAnswer:
            found = None
        if found is not None:
            return '.lie', found.to_bytes()
        return '.claim', lie_module.Lie(request, raw, code).to_bytes()
