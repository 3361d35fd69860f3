# SPDX-License-Identifier: Apache-2.0
"""What of a node runs out on a date: certificates, and the federation.

The chain itself never depends on them: they end what can be reached, and
under which document clients take a new head, so they have to be renewed in
time (``federation renew`` and ``federation propose``).
"""

from collections.abc import Iterable
import dataclasses
import datetime
from typing import Any

from tacker_ledger.core.ledger import federation as federation_module

DAY_MS = 24 * 3600 * 1000
FEDERATION = 'federation'


@dataclasses.dataclass(frozen=True, slots=True)
class Expiry:
    """One thing and its end.

    :param what: ``certificate``, ``ca`` or ``federation``
    :param ends_ms: Unix epoch, milliseconds
    """

    what: str
    ends_ms: int

    def sentence(self, now_ms: int) -> str:
        """Return when it ends, for a person."""
        date = datetime.datetime.fromtimestamp(
            self.ends_ms / 1000, datetime.UTC).strftime('%Y-%m-%d')
        if self.ends_ms < now_ms:
            return f'{self.what} has expired on {date}'
        return (f'{self.what} expires on {date}, in '
                f'{(self.ends_ms - now_ms) // DAY_MS} days')

    def record(self, now_ms: int) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {'what': self.what, 'ends_ms': self.ends_ms,
                'days_left': (self.ends_ms - now_ms) // DAY_MS}


def of(files: Iterable[tuple[str, int]],
       federation: federation_module.Federation) -> list[Expiry]:
    """Return what runs out, what ends first before the others.

    :param files: (what, end) of certificates
    :param federation: in force
    """
    found = [Expiry(what, ends_ms) for what, ends_ms in files]
    found.append(Expiry(FEDERATION, federation.document.expiry_ms))
    return sorted(found, key=lambda one: one.ends_ms)
