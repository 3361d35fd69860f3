# SPDX-License-Identifier: Apache-2.0
"""Votes signed cheaply, for runs whose subject is not cryptography.

A stub signature is a digest of key and message: it differs for another key
or message.  Everybody could make it; the liars of a simulation sign with
their own keys alone, as the real ones must.
"""

import functools
import hashlib

from tacker_ledger.core.crypto import providers

_REAL = providers.default()


@functools.lru_cache(maxsize=4096)
def _public(seed32: bytes) -> bytes:
    return _REAL.ed25519_public(seed32)


def _signature(public: bytes, message: bytes) -> bytes:
    return hashlib.sha512(public + message).digest()


class StubProvider:
    """A provider whose raw Ed25519 signatures are stubs."""

    name = 'stub'

    def __init__(self):
        #: signature -> what it was made over: all verify most of them
        self._made: dict[bytes, tuple[bytes, bytes]] = {}

    def __getattr__(self, name):
        return getattr(_REAL, name)

    def ed25519_public(self, seed32: bytes) -> bytes:
        """Return the public key of a seed."""
        return _public(seed32)

    def sign_raw_ed25519(self, seed32: bytes, message: bytes) -> bytes:
        """Return a stub signature."""
        public = _public(seed32)
        signature = _signature(public, message)
        self._made[signature] = (public, message)
        return signature

    def verify_raw_ed25519(self, public32: bytes, message: bytes,
                           signature: bytes) -> bool:
        """Return whether it is one."""
        return (self._made.get(signature) == (public32, message)
                or signature == _signature(public32, message))


class SeedSigner:
    """Signs votes with a seed.

    :param provider: real or stub
    """

    def __init__(self, provider, seed: bytes):
        self._provider = provider
        self._seed = seed
        self.public = provider.ed25519_public(seed)

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._provider.sign_raw_ed25519(self._seed, message)
