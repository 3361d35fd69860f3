# SPDX-License-Identifier: Apache-2.0
"""What the tests of the independent verifier start from."""

from collections.abc import Callable
from collections.abc import Iterator

from tacker_ledger.tests import base
from tacker_ledger.tests.independent import refusal
from tacker_ledger.tests import vectors


def unhexed(text: str | None) -> bytes | None:
    """Return the bytes of a field of a vector that may be null."""
    return None if text is None else bytes.fromhex(text)


class IndependentTestCase(base.TestCase):
    """A test of the second reader."""

    def load(self, name: str) -> dict:
        """Return the vectors of a format, and keep its chain id."""
        loaded = vectors.load(name)
        self.chain_id = unhexed(loaded.get('chain_id'))
        return loaded

    def assert_refused(self, code: str, why: str, function: Callable,
                       *args) -> None:
        """Check that ``function`` refuses its arguments with ``code``."""
        try:
            function(*args)
        except refusal.Refused as exc:
            self.assertEqual(code, exc.code, why)
        else:
            self.fail(f'accepted: {why}')


def flipped(encoded: bytes, step: int = 1, start: int = 0) -> Iterator[bytes]:
    """Yield ``encoded`` with one bit of one byte changed, place by place."""
    for place in range(start, len(encoded), step):
        changed = bytearray(encoded)
        changed[place] ^= 1 << place % 8
        yield bytes(changed)
