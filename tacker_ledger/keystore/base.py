# SPDX-License-Identifier: Apache-2.0
"""The contract of a keystore driver (``tacker_ledger.keystores``).

A keystore keeps private keys under names.  Callers sign and unwrap through
the :class:`KeyPair` which :meth:`Keystore.pair` returns, so that a driver
for hardware never has to give a secret away.  Losing a stored key is worse
than any failure: whatever a method reports, an existing secret is either
unchanged or replaced as a whole.

Names are 1 to 128 of ``a-z A-Z 0-9 . _ -``, not starting with a dot.
"""

import re
from typing import Protocol

from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors

_NAME = re.compile(r'[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\Z')


class Keystore(Protocol):
    """Private keys under names."""

    def names(self) -> list[str]:
        """Return the names in use, sorted."""

    def pair(self, name: str) -> suite_module.KeyPair:
        """Return the key pair stored under ``name``.

        :raises NotFound: there is none
        :raises Undecryptable: the passphrase is another one
        :raises CorruptStore: the stored bytes are damaged
        """

    def generate(self, name: str, suite: int,
                 encryption: bool = True) -> suite_module.KeyPair:
        """Make a key pair, store it under ``name`` and return it.

        :raises Duplicate: the name is in use
        """

    def store(self, name: str, secret: bytes, replace: bool = False) -> None:
        """Store the private form of a key pair, or another secret.

        :raises Duplicate: the name is in use and ``replace`` is false
        """

    def secret(self, name: str) -> bytes:
        """Return what was stored: for backup and for other secrets.

        :raises Forbidden: the driver gives no secret away
        :raises NotFound: there is none
        """

    def delete(self, name: str) -> None:
        """Forget a secret.

        :raises NotFound: there is none
        """


def check_name(name: str) -> str:
    """Return ``name`` if a keystore takes it.

    :raises BadOption: it does not
    """
    if not _NAME.match(name):
        raise errors.BadOption(
            'A key name has 1 to 128 letters, digits, dots, underscores or '
            'hyphens and does not start with a dot.', name=name[:128])
    return name
