# SPDX-License-Identifier: Apache-2.0
"""A process inside a namespace that sends and receives real packets.

Reads one JSON list per line, ``[verb, argument...]``, and answers with one
JSON value per line. It ends with its standard input.
"""

import json
import selectors
import socket
import sys
import threading

CONNECT_SECONDS = 0.6


def listen(ports: list[int]) -> bool:
    """Accept (and close) TCP connections on the ports, in the background."""
    selector = selectors.DefaultSelector()
    for port in ports:
        server = socket.create_server(('0.0.0.0', port), backlog=16)
        selector.register(server, selectors.EVENT_READ)

    def accept() -> None:
        while True:
            for key, _events in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                key.fileobj.accept()[0].close()

    threading.Thread(target=accept, daemon=True).start()
    return True


def connect(source: str, target: str, port: int) -> bool:
    """Whether a TCP handshake completes in time."""
    try:
        socket.create_connection((target, port), CONNECT_SECONDS,
                                 (source, 0)).close()
    except OSError:
        return False
    return True


def datagram(source: str, target: str, port: int) -> bool:
    """Send one UDP packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        sender.sendto(b'knock', (target, port))
    return True


VERBS = {'listen': listen, 'connect': connect, 'datagram': datagram}

if __name__ == '__main__':
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        print(json.dumps(VERBS[verb](*arguments)), flush=True)
