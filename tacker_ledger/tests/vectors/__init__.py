# SPDX-License-Identifier: Apache-2.0
"""Golden vectors: the bytes of every format, written down once.

Each JSON file in this directory belongs to the module of :mod:`formats` with
the same ``NAME``.  The files are what independent implementations test
against; a change of one of them is a change of the protocol.  ``python -m
tacker_ledger.tests.vectors.make`` writes them anew, always the same.
"""

import hashlib
import importlib
import json
import pathlib
import pkgutil
from typing import Any

#: Where the files are.
DIRECTORY = pathlib.Path(__file__).resolve().parent
_FORMATS = DIRECTORY / 'formats'


def load(name: str) -> dict[str, Any]:
    """Return the vectors stored under ``name``; bytes are hex strings."""
    return json.loads(path_of(name).read_text(encoding='utf-8'))


def path_of(name: str) -> pathlib.Path:
    """Return where the vectors of ``name`` are stored."""
    return DIRECTORY / f'{name}.json'


def registry() -> dict[str, Any]:
    """Return every module of :mod:`formats` by its ``NAME``."""
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules([str(_FORMATS)]):
        module = importlib.import_module(f'{__name__}.formats.{info.name}')
        if module.NAME in found:
            raise AssertionError(f'two formats are named {module.NAME}')
        found[module.NAME] = module
    return dict(sorted(found.items()))


def hexed(value: Any) -> Any:
    """Return ``value`` with bytes as hex strings and tuples as lists."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: hexed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hexed(item) for item in value]
    return value


def render(vectors: dict[str, Any]) -> str:
    """Return the text of a vector file; ``vectors`` may hold bytes."""
    return json.dumps(hexed(vectors), indent=1, ensure_ascii=True) + '\n'


def fixed_bytes(label: str, size: int) -> bytes:
    """Return ``size`` bytes that look random and depend on ``label`` only.

    Block i is SHA-256("tacker-ledger test vector/" label "/" i).
    """
    blocks = []
    for index in range(-(-size // 32)):
        text = f'tacker-ledger test vector/{label}/{index}'
        blocks.append(hashlib.sha256(text.encode('utf-8')).digest())
    return b''.join(blocks)[:size]
