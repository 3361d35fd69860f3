# SPDX-License-Identifier: Apache-2.0
"""What a light client believes, and keeps between its starts."""

import dataclasses

from tacker_ledger.core import codec
from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core import limits

VERSION = 1
#: Epochs that one state may hold.
EPOCHS_MAX_COUNT = 4096
_MAX_BYTES = 64 * 1024 * 1024

_DIGEST = codec.Bytes.exact(hashing.DIGEST_BYTES)
_SCHEMA = codec.Record(
    codec.Const(VERSION), _DIGEST,
    codec.Array(codec.Record(
        codec.Bytes(1, limits.FEDERATION_DOCUMENT_MAX_BYTES), codec.Int()),
        1, EPOCHS_MAX_COUNT),
    codec.Record(codec.Int(), _DIGEST, codec.Int()),
    codec.Optional(codec.Record(
        codec.Bytes(1, limits.HEADER_MAX_BYTES),
        codec.Bytes(0, limits.CERTIFICATE_MAX_BYTES))))


@dataclasses.dataclass(frozen=True, slots=True)
class Epoch:
    """A federation and the first height that it certifies.

    The last one is that before the next epoch's first.  Without this range
    the keys of members long gone could certify new blocks.
    """

    federation: federation_module.Federation
    from_height: int


@dataclasses.dataclass(frozen=True, slots=True)
class Floor:
    """A block that the client was told to start from.

    :param digest: of its header, 32 bytes
    """

    height: int
    digest: bytes
    time_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class TrustedState:
    """All that a light client needs to judge what it is shown.

    :param chain_id: 32 bytes
    :param epochs: consecutive, ascending; the last is in force
    :param floor: no head below it is believed
    :param head: the newest certified head, None before the first
    """

    chain_id: bytes
    epochs: tuple[Epoch, ...]
    floor: Floor
    head: certificate.Certified | None = None

    @classmethod
    def bootstrap(cls, provider: base.Provider, chain_id: bytes,
                  signed: bytes, floor: Floor | None = None
                  ) -> 'TrustedState':
        """Return what a client believes at its very beginning.

        :param signed: encoded signed document, of genesis or in force at
            the floor
        :param floor: a block that is known, the genesis block if None
        :raises FormatError: not a document
        :raises AuthenticityError: of another chain, or not well signed
        """
        h = hashing.hasher(chain_id)
        parsed = federation_module.SignedFederation.from_bytes(signed)
        federation = federation_module.Federation.of(h, parsed.document)
        if federation.epoch == 0:
            federation_module.check_genesis(provider, parsed, chain_id)
        else:
            federation_module.check_in_force(h, provider, parsed)
        if floor is None:
            if federation.epoch != 0:
                raise errors.BadDocument(
                    'a document after genesis needs a floor')
            genesis = certificate.genesis(h, federation)
            floor = Floor(0, genesis.header_digest, genesis.time_ms)
        return cls(chain_id, (Epoch(federation, 0),), floor)

    @property
    def federation(self) -> federation_module.Federation:
        """The newest one known."""
        return self.epochs[-1].federation

    @property
    def reference(self) -> Floor:
        """The newest block that is certain: the head, else the floor."""
        if self.head is None or self.head.height < self.floor.height:
            return self.floor
        return Floor(self.head.height, self.head.header_digest,
                     self.head.time_ms)

    def federation_at(self, height: int, digest: bytes
                      ) -> federation_module.Federation:
        """Return the federation that a header names, if it may.

        :param height: of the header
        :param digest: of the document, as the header has it
        :raises UnknownFederation: it is not known, or not in force there
        """
        until = None
        for epoch in reversed(self.epochs):
            if epoch.federation.digest == digest:
                if height < epoch.from_height or (
                        until is not None and height >= until):
                    raise errors.UnknownFederation(
                        'the federation named is not in force there',
                        height=height, epoch=epoch.federation.epoch)
                return epoch.federation
            until = epoch.from_height
        raise errors.UnknownFederation(
            'the federation named is not known', height=height,
            named=digest.hex(), newest_epoch=self.federation.epoch)

    def to_bytes(self) -> bytes:
        """Return the canonical encoding, to be stored."""
        head = self.head
        return codec.encode((
            VERSION, self.chain_id,
            tuple((epoch.federation.raw, epoch.from_height)
                  for epoch in self.epochs),
            dataclasses.astuple(self.floor),
            None if head is None else (head.header, head.certificate)))

    @classmethod
    def from_bytes(cls, data: bytes) -> 'TrustedState':
        """Return what ``data`` encodes.

        It comes from the client's own disk: what it says was verified when
        it was written, and is not verified again.

        :raises FormatError: not such a state
        :raises CorruptStore: it contradicts itself
        """
        _version, chain_id, epochs, floor, head = codec.decode(
            data, _SCHEMA, _MAX_BYTES)
        h = hashing.hasher(chain_id)
        try:
            return cls(
                chain_id,
                tuple(Epoch(federation_module.Federation.of(h, raw), height)
                      for raw, height in epochs),
                Floor(*floor),
                None if head is None else certificate.certified(h, *head))
        except (errors.ProofError, errors.AuthenticityError,
                errors.BadDocument) as exc:
            raise errors.CorruptStore(
                f'the trusted state is damaged: {exc.message}') from exc
