# SPDX-License-Identifier: Apache-2.0
"""Shows the agent's public keys on the VNF's terminal (S0 section III.A)."""

import os
import select
import sys

from oslo_log import log as logging

from tacker_ledger.core.configuration import console_block
from tacker_ledger.vnf_client import agent as agent_module

LOG = logging.getLogger(__name__)

STANDARD_OUTPUT = '-'
#: How long a slow line may keep the agent from its work.
_WAIT_SECONDS = 2.0


class Console:
    """Prints the key block at start and every so often.

    A console is a ring: what was printed once is lost some day.
    """

    def __init__(self, agent: agent_module.Agent) -> None:
        self._agent = agent
        self._shown_ms: int | None = None
        self._shown_id = b''

    def tick(self) -> None:
        """Print the block if it is time, or if the key is another one."""
        agent = self._agent
        now_ms = agent.timekeeper.monotonic_ms()
        interval_ms = int(agent.settings.console_interval_seconds * 1000)
        own_id = agent.state.trust.own_ids[-1]
        if (self._shown_ms is not None and own_id == self._shown_id
                and now_ms - self._shown_ms < interval_ms):
            return
        text = console_block.make(
            agent.h, agent.keys.own(own_id), agent.keys.receipt,
            agent.state.instance_uuid, agent.timekeeper.now_ms())
        self._print(text)
        self._shown_ms, self._shown_id = now_ms, own_id

    def _print(self, text: str) -> None:
        """Write to a terminal that never may stop the agent."""
        target = self._agent.settings.console
        # A block begins on a line of its own whatever stood there before.
        data = ('\n' + text).encode('ascii')
        try:
            if target == STANDARD_OUTPUT:
                sys.stdout.write(data.decode('ascii'))
                sys.stdout.flush()
                return
            descriptor = os.open(
                target, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOCTTY
                | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
            try:
                _write_all(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError as exc:
            LOG.warning('The key block was not printed to %s: %s', target,
                        exc.strerror)


def _write_all(descriptor: int, data: bytes) -> None:
    """Write to a line that may be slow, or held by somebody.

    :raises OSError: it takes no more
    """
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left):]
        except BlockingIOError:
            _, ready, _ = select.select([], [descriptor], [], _WAIT_SECONDS)
            if not ready:
                raise
