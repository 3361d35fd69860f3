# SPDX-License-Identifier: Apache-2.0
"""The public signing keys of logs, and what they have signed."""

from collections.abc import Iterable
from collections.abc import Iterator

from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import records
from tacker_ledger.securelog import keys


class TrustedKeys:
    """Keys whose checkpoints are believed.

    :param documents: of log signing keys
    """

    def __init__(self, documents: Iterable[suite_module.KeyDocument]
                 ) -> None:
        self._by_id = {one.key_id: one for one in documents}
        self._provider = providers.default()

    @staticmethod
    def load(paths: Iterable[str]) -> 'TrustedKeys':
        """Return the keys in files ``log-signing.pub``.

        :raises BadOption: a file cannot be read or holds no key
        """
        found = []
        for path in paths:
            try:
                found.append(keys.load_public(path))
            except errors.FormatError as error:
                raise errors.BadOption(
                    f'Log signing key {path}: {error.message}') from error
        return TrustedKeys(found)

    def get(self, key_id: bytes) -> suite_module.KeyDocument | None:
        """Return the key of an id, if it is one of these."""
        return self._by_id.get(key_id)

    def __iter__(self) -> Iterator[suite_module.KeyDocument]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def signed(self, record: records.Checkpoint | records.Opening) -> bool:
        """Return whether one of the keys has signed a record."""
        if isinstance(record, records.Opening):
            if record.chained != record.expected_chained():
                return False
            named = self._by_id.get(record.signing_key_id)
            candidates = [] if named is None else [named]
        else:
            candidates = list(self._by_id.values())
        return any(self._provider.verify(one, record.message(),
                                         record.signature)
                   for one in candidates)
