# SPDX-License-Identifier: Apache-2.0
"""A member gone bad: real keys, a real link, and any bytes on it."""

import secrets
import socket
import ssl
import time
import types

from tacker_ledger.core.consensus import instances
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.ledger import application
from tacker_ledger.node import greeting
from tacker_ledger.transport import framing
from tacker_ledger.transport import tls

_READ_BYTES = 64 * 1024


def connect(members, target, member=None, timeout=10.0):
    """Return a TLS connection to a member's peer port.

    :param members: a running ``functional.federation.Federation``
    :param member: whose certificate to show, with its key
    """
    host, port = members.genesis.members[target].peer_address.split(':')
    home = members.home(target if member is None else member)
    context = tls.client_context(
        str(home / 'node.pem'), str(home / 'node.key'),
        str(members.ca_file))
    plain = socket.create_connection((host, int(port)), timeout)
    return context.wrap_socket(plain)


def closed(connection, seconds=5.0):
    """Return whether the other side ends the connection in time.

    What it sends before is read and dropped.
    """
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            if not connection.recv(_READ_BYTES):
                return True
        except TimeoutError:
            return False
        except (OSError, ssl.SSLError):
            return True
    return False


def poured(connection, data, max_bytes):
    """Send the same bytes until the other side ends it; return how many.

    :param max_bytes: give up after so many
    """
    connection.settimeout(5.0)
    sent = 0
    try:
        while sent < max_bytes:
            connection.sendall(data)
            sent += len(data)
    except (OSError, ssl.SSLError):
        return sent
    return sent


class EvilPeer:
    """The process of a member that somebody has taken over.

    Its own process must be stopped; it dials a member of a higher node key.

    :param members: a running ``functional.federation.Federation``
    :param member: whose keys it uses
    :param target: whom it connects to
    """

    def __init__(self, members, member, target):
        keys = [one.node_key.signing for one in members.genesis.members]
        assert keys[member] < keys[target], 'the lower node key dials'
        self._members = members
        self._target = target
        self.connection = connect(members, target, member)
        self._reader = framing.FrameReader()
        self._frames = []
        genesis = members.genesis
        self._greeter = greeting.Greeter(
            types.SimpleNamespace(
                h=members.h, federation=genesis,
                head=application.Head.genesis(members.h, genesis)),
            providers.default(),
            instances.Claim(secrets.token_bytes(16)), member,
            (members.home(member) / 'vote.key').read_bytes(),
            lambda _member: None)

    def greet(self):
        """Become a member whose link is up."""
        nonce = secrets.token_bytes(16)
        self.send(self._greeter.hello(nonce))
        hello = self._greeter.read_hello(self._target, self.receive())
        self.send(self._greeter.answer(self._target, hello, hello.instance))
        self._greeter.check_answer(self._target, nonce, self.receive())
        return self

    def send(self, payload):
        """Send one frame."""
        self.connection.sendall(framing.frame(payload))

    def send_raw(self, data):
        """Send any bytes."""
        self.connection.sendall(data)

    def receive(self):
        """Return the next frame."""
        while not self._frames:
            data = self.connection.recv(_READ_BYTES)
            if not data:
                raise ConnectionError('the other side closed')
            self._frames += self._reader.feed(data)
        return self._frames.pop(0)

    def close(self):
        """End the connection."""
        self.connection.close()
