# SPDX-License-Identifier: Apache-2.0
"""Votes signed cheaply, for runs whose subject is not cryptography.

A stub signature is a digest of key and message: everybody can make it, which
no test of the normal case tries, and it differs for another key or message.
"""

import hashlib

from tacker_ledger.core.crypto import providers


def _signature(public: bytes, message: bytes) -> bytes:
    return hashlib.sha512(b'stub' + public + message).digest()


class StubProvider:
    """A provider whose raw Ed25519 signatures are stubs."""

    name = 'stub'

    def __init__(self):
        self._real = providers.default()

    def __getattr__(self, name):
        return getattr(self._real, name)

    def sign_raw_ed25519(self, seed32: bytes, message: bytes) -> bytes:
        """Return a stub signature."""
        return _signature(self._real.ed25519_public(seed32), message)

    def verify_raw_ed25519(self, public32: bytes, message: bytes,
                           signature: bytes) -> bool:
        """Return whether it is one."""
        return signature == _signature(public32, message)


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
