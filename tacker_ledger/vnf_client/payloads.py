# SPDX-License-Identifier: Apache-2.0
"""The configurations in force, kept as they were opened.

A VNF must be able to enforce and to put back what it has without asking
anybody, so the payload of every entry is kept in a file named after its
digest.
"""

from collections.abc import Iterable
import pathlib

from tacker_ledger.core.configuration import effective as effective_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core import limits
from tacker_ledger.vnf_client.appliers import base
from tacker_ledger.vnf_client import files


class PayloadStore:
    """Payloads by digest.

    :param directory: made if it does not exist
    """

    def __init__(self, directory: pathlib.Path, h: hashing.Hasher) -> None:
        self._directory = files.make_directory(directory)
        self._h = h

    def put(self, encoded: bytes) -> None:
        """Keep a payload.

        :raises StorageFailed: it was not written
        """
        path = self._path(payload_module.payload_digest(self._h, encoded))
        if not path.exists():
            files.write(path, encoded)

    def item(self, entry: effective_module.Entry) -> base.Item:
        """Return what the applier of an entry is to be given.

        :raises CorruptStore: the payload is lost or damaged
        """
        encoded = files.read(self._path(entry.digest),
                             limits.INFLATED_MAX_BYTES)
        if encoded is None or payload_module.payload_digest(
                self._h, encoded) != entry.digest:
            raise errors.CorruptStore(
                'The payload of a configuration in force is lost.',
                cid=entry.cid.hex(), vid=entry.vid)
        payload = payload_module.decode_payload(
            encoded, sealed=entry.content_key is not None)
        assert isinstance(payload, payload_module.Configuration
                          | payload_module.Template)
        return base.Item(entry.cid, entry.vid, entry.target, payload.data)

    def keep(self, entries: Iterable[effective_module.Entry]) -> None:
        """Forget all payloads but those of the entries."""
        files.sweep(self._directory,
                    {entry.digest.hex() for entry in entries})

    def _path(self, digest: bytes) -> pathlib.Path:
        return self._directory / digest.hex()
