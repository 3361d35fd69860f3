# SPDX-License-Identifier: Apache-2.0
"""Processes which outlive the command that started them.

Each runs in a process group of its own, recorded in a file. Only recorded
groups are ever signalled, and only after making sure that the number still
means the same process.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from minicloudlib import layout

STOP_SECONDS = 20
_BOOT_ID = pathlib.Path('/proc/sys/kernel/random/boot_id')


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on."""
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(')')[2].split()


def members(group: int) -> list[int]:
    """Return the processes of a group, without those merely unreaped."""
    found = []
    for entry in os.listdir('/proc'):
        fields = _stat(int(entry)) if entry.isdigit() else None
        if fields and int(fields[2]) == group and fields[0] not in 'ZX':
            found.append(int(entry))
    return found


class Process:
    """A named process group of a cloud."""

    def __init__(self, where: layout.Layout, name: str):
        self.name = name
        self.record = where.run / f'{name}.json'
        self.log = where.logs / f'{name}.log'

    def spawn(self, command: list[str], environ: dict[str, str],
              directory: pathlib.Path):
        """Start the command and record its group."""
        with open(self.log, 'ab') as log:
            child = subprocess.Popen(
                command, cwd=directory, env={**os.environ, **environ},
                stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)
        layout.write_private(self.record, json.dumps({
            'group': child.pid, 'boot': _BOOT_ID.read_text().strip(),
            'began': (_stat(child.pid) or [''] * 20)[19]}))

    def group(self) -> int | None:
        """Return the recorded group, as long as it is still ours."""
        record = layout.read_json(self.record)
        if record.get('boot') != _BOOT_ID.read_text().strip():
            return None
        # While a group lives its number is not given to a new process; a
        # leader with another birth time is a stranger.
        leader = _stat(record['group'])
        if leader and leader[19] != record['began']:
            return None
        return record['group']

    def members(self) -> list[int]:
        group = self.group()
        return members(group) if group else []

    def alive(self) -> bool:
        # a look at /proc takes a while: a parent that ends meanwhile may
        # have left a child behind where the look had already been
        return bool(self.members() or self.members())

    def megabytes(self) -> int:
        """Return the resident memory of the group."""
        pages = sum(int((_stat(pid) or ['0'] * 22)[21])
                    for pid in self.members())
        return pages * os.sysconf('SC_PAGE_SIZE') >> 20

    def stop(self):
        """End the group: politely, then for certain."""
        group = self.group()
        if group and members(group):
            self._signal(group, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            while members(group) and time.monotonic() < deadline:
                time.sleep(0.05)
            if members(group):
                self._signal(group, signal.SIGKILL)
        self.record.unlink(missing_ok=True)

    @staticmethod
    def _signal(group: int, number: int):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)

    def last_words(self) -> str:
        """Return the end of the log, for a message about a failure."""
        if not self.log.exists():
            return ''
        lines = self.log.read_text(errors='replace').splitlines()
        return '\n'.join(lines[-15:])


def port_open(port: int) -> bool:
    """Return whether something listens on that port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((layout.HOST, port)) == 0
