# SPDX-License-Identifier: Apache-2.0
"""What services are made of."""

import threading
from unittest import mock

import fixtures

from tacker_ledger import messaging
from tacker_ledger.securelog import assembly
from tacker_ledger.tests import base


class _AwayServer:
    """Waits for a broker that never comes."""

    def __init__(self):
        self.waits = threading.Event()
        self.end = threading.Event()
        self.stopped = False

    def start(self):
        """Wait."""
        self.waits.set()
        self.end.wait()

    def stop(self):
        """Stop."""
        self.stopped = True


class TestParts(base.TestCase):
    def test_a_broker_that_is_away_holds_up_neither_start_nor_end(self):
        server = _AwayServer()
        self.addCleanup(server.end.set)
        self.useFixture(fixtures.MockPatchObject(
            assembly, 'open_database'))
        self.useFixture(fixtures.MockPatchObject(
            messaging, 'is_configured', return_value=True))
        self.useFixture(fixtures.MockPatchObject(
            messaging, 'get_transport'))
        self.useFixture(fixtures.MockPatchObject(
            messaging, 'QueueServer', return_value=server))
        with assembly._Parts(mock.Mock()) as parts:
            parts.listen('transactions', lambda message: None)
            server.waits.wait()
        # oslo.messaging would wait for the start to be over
        self.assertFalse(server.stopped)
