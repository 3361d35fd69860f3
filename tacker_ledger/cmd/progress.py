# SPDX-License-Identifier: Apache-2.0
"""Progress bars, on a terminal alone."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import sys

import tqdm


@contextlib.contextmanager
def bar(total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Give a function which takes how much is done in all."""
    with tqdm.tqdm(total=total, unit=f' {unit}', file=sys.stderr,
                   disable=not sys.stderr.isatty(),
                   unit_scale=True) as shown:
        def advance(done: int) -> None:
            shown.update(done - shown.n)
        yield advance
