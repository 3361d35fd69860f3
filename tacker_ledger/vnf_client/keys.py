# SPDX-License-Identifier: Apache-2.0
"""The agent's private keys: its own, its groups', its receipt key.

The VNF key pair receives configurations and signs answers to requests and
nothing else; the receipt key pair (Ed25519, it only signs) signs receipts.
So a group, which never signs, cannot be told from a VNF that has not been
asked yet (S0 section III.B).
"""

from collections.abc import Mapping
import types

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.keystore import base as keystore_module

_VNF = 'vnf-'
_GROUP = 'group-'
_RECEIPT = 'receipt'
_RECEIPT_SUITE = 'ed25519'


def _group_name(group_id: bytes) -> str:
    return _GROUP + group_id.hex()


class Keys:
    """Key pairs by key id, kept in a keystore.

    :param suite: number of the suite of a VNF key made here
    """

    def __init__(self, keystore: keystore_module.Keystore,
                 provider: provider_module.Provider, suite: int) -> None:
        self._keystore = keystore
        self._provider = provider
        names = keystore.names()
        numbers = sorted(int(name[len(_VNF):]) for name in names
                         if name.startswith(_VNF)
                         and name[len(_VNF):].isdecimal())
        self._last_number = numbers[-1] if numbers else 0
        self._own: dict[bytes, suite_module.KeyPair] = {}
        for number in numbers:
            pair = keystore.pair(f'{_VNF}{number}')
            self._own[pair.document.key_id] = pair
        if not numbers:
            self.make_own(suite)
        if _RECEIPT not in names:
            keystore.generate(
                _RECEIPT, suite_module.by_name(_RECEIPT_SUITE).number,
                encryption=False)
        self.receipt = keystore.pair(_RECEIPT)
        self._groups: dict[bytes, suite_module.KeyPair] = {}
        for name in names:
            if name.startswith(_GROUP):
                pair = keystore.pair(name)
                self._groups[pair.document.key_id] = pair

    @property
    def own_ids(self) -> tuple[bytes, ...]:
        """Key ids of the VNF, the newest last."""
        return tuple(self._own)

    def own(self, key_id: bytes) -> suite_module.KeyPair:
        """Return a key pair of the VNF.

        :raises CorruptStore: the keystore has lost it
        """
        try:
            return self._own[key_id]
        except KeyError:
            raise errors.CorruptStore(
                'The keystore lacks a key of this VNF.',
                key=key_id.hex()) from None

    def readers(self) -> Mapping[bytes, suite_module.KeyPair]:
        """Return every key pair that opens configurations, by key id."""
        return types.MappingProxyType({**self._groups, **self._own})

    def make_own(self, suite: int) -> suite_module.KeyPair:
        """Make and store one more key pair of the VNF.

        :raises BadKey: no such suite
        """
        suite_module.by_number(suite)
        number = self._last_number + 1
        pair = self._keystore.generate(f'{_VNF}{number}', suite)
        self._last_number = number
        self._own[pair.document.key_id] = pair
        return pair

    def join(self, group_id: bytes, private: bytes) -> None:
        """Store a group's key pair.

        :raises BadKey: not a private key, or another one than named
        """
        pair = self._provider.load_private(private)
        if pair.document.key_id != group_id:
            raise errors.BadKey('The key is not the one of the group that '
                                'is named.', group=group_id.hex())
        if pair.document.encryption is None:
            raise errors.BadKey('The key of a group must open wraps.')
        self._keystore.store(_group_name(group_id), private, replace=True)
        self._groups[group_id] = pair

    def keep_groups(self, group_ids: tuple[bytes, ...]) -> None:
        """Forget the key pairs of all other groups."""
        for group_id in set(self._groups) - set(group_ids):
            del self._groups[group_id]
            self._keystore.delete(_group_name(group_id))
