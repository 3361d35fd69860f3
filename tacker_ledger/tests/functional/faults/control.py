# SPDX-License-Identifier: Apache-2.0
"""How tests command a Byzantine member: one JSON line each way."""

import asyncio
from collections.abc import Callable
import json
import os
import pathlib
import socket
from typing import Any

#: In the directory of the member.
SOCKET = 'control.sock'
_ANSWER_SECONDS = 30.0


def tell(path: pathlib.Path, **command: Any) -> dict[str, Any]:
    """Send a command; return its answer."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_ANSWER_SECONDS)
        sock.connect(str(path))
        with sock.makefile('rw') as file:
            file.write(json.dumps(command) + '\n')
            file.flush()
            found: dict[str, Any] = json.loads(file.readline())
    if 'error' in found:
        raise AssertionError(found['error'])
    return found


async def serve(path: pathlib.Path,
                obey: Callable[..., dict[str, Any]]) -> asyncio.Server:
    """Take commands; ``obey`` gets their fields as keyword arguments."""
    async def one(reader: asyncio.StreamReader,
                  writer: asyncio.StreamWriter) -> None:
        try:
            found = obey(**json.loads(await reader.readline()))
        except Exception as error:  # noqa: BLE001 - the test shall hear it
            found = {'error': f'{type(error).__name__}: {error}'}
        writer.write(json.dumps(found).encode() + b'\n')
        await writer.drain()
        writer.close()
    if path.exists():
        os.unlink(path)
    return await asyncio.start_unix_server(one, str(path))
