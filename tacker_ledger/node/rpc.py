# SPDX-License-Identifier: Apache-2.0
"""The node's RPC server: the façade for services inside the cloud.

The server's threads call into the node's loop; nothing here decides
anything.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable
import functools
from typing import Any

from oslo_log import log as logging
import oslo_messaging

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core import limits
from tacker_ledger import messaging
from tacker_ledger.node import query
from tacker_ledger.node import submit

LOG = logging.getLogger(__name__)

_ID_BYTES = 32
_Method = Callable[..., Any]


def _answered(method: _Method) -> _Method:
    """Return the method with its refusals as values."""
    @functools.wraps(method)
    def answer(self: 'NodeEndpoint', context: Any,
               **arguments: Any) -> dict[str, Any]:
        try:
            return {'result': method(self, **arguments)}
        except errors.LedgerError as error:
            return {'error': error.to_dict()}
        except TypeError as error:
            return {'error': errors.Malformed(str(error)).to_dict()}
    return answer


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


class NodeEndpoint:
    """The methods of topic ``tacker_ledger.node``.

    :param facade: the node, for threads
    :param reader: the chain
    """

    target = oslo_messaging.Target(version=messaging.NODE_VERSION)

    def __init__(self, facade: submit.BlockingFacade,
                 reader: query.Reader) -> None:
        self._facade = facade
        self._reader = reader

    @_answered
    def submit(self, submissions: list[str],
               address: str | None = None) -> list[dict[str, Any]]:
        """Submit a batch of base64 submissions."""
        if len(submissions) > limits.BATCH_SUBMIT_MAX_COUNT:
            raise errors.TooLarge('Too many submissions in one call.',
                                  limit=limits.BATCH_SUBMIT_MAX_COUNT)
        try:
            raws = [base64.b64decode(text, validate=True)
                    for text in submissions]
        except (binascii.Error, ValueError):
            raise errors.Malformed('A submission is not base64.') from None
        return [{'txid': result.txid.hex() if result.txid else None,
                 'code': result.code, 'message': result.message,
                 'details': result.details}
                for result in self._facade.submit(raws, address)]

    @_answered
    def status(self) -> dict[str, Any]:
        """Return the node's status."""
        return self._facade.status()

    @_answered
    def peers(self) -> list[dict[str, Any]]:
        """Return the other members."""
        return self._facade.peers()

    @_answered
    def usage(self) -> list[dict[str, Any]]:
        """Return disk use per sender."""
        return self._facade.usage()

    @_answered
    def enrol(self, key_id: str, label: str = '') -> dict[str, Any]:
        """Let a key write."""
        return self._facade.enrol(
            identifiers.parse_hex(key_id, _ID_BYTES), label)

    @_answered
    def unenrol(self, key_id: str) -> None:
        """Take back an enrolment."""
        self._facade.unenrol(identifiers.parse_hex(key_id, _ID_BYTES))

    @_answered
    def enrolments(self) -> list[dict[str, Any]]:
        """Return all enrolments."""
        return self._facade.enrolments()

    @_answered
    def evidence(self) -> list[dict[str, Any]]:
        """Return kept proofs of members' faults."""
        return self._facade.evidence()

    @_answered
    def head(self) -> dict[str, Any]:
        """Return the newest header and certificate."""
        header, certificate = self._reader.head()
        return {'height': self._reader.height(), 'header': _text(header),
                'certificate': _text(certificate)}

    @_answered
    def transaction(self, txid: str) -> dict[str, Any]:
        """Return a committed transaction with its place."""
        found = self._reader.transaction(
            identifiers.parse_hex(txid, _ID_BYTES))
        if found is None:
            raise errors.NotFound('The transaction is in no block.')
        (header, certificate), (index, size, path), raw = found
        return {'header': _text(header), 'certificate': _text(certificate),
                'index': index, 'size': size,
                'path': [_text(item) for item in path],
                'transaction': _text(raw)}

    @_answered
    def search(self, sender: str | None = None, recipient: str | None = None,
               cid: str | None = None, kind: int | None = None,
               after_height: int = -1, limit: int = 100
               ) -> list[dict[str, Any]]:
        """Ask the index."""
        parse = identifiers.parse_hex
        return self._reader.search(
            sender=parse(sender, _ID_BYTES) if sender else None,
            recipient=parse(recipient, _ID_BYTES) if recipient else None,
            cid=parse(cid, identifiers.CID_BYTES) if cid else None,
            kind=kind, after_height=after_height, limit=limit)


class NodeServer:
    """The running RPC server of a node.

    :param conf: with a ``transport_url``
    :param facade: the node
    :param reader: the chain
    :param loop: the node's loop
    """

    def __init__(self, conf: Any, facade: submit.NodeFacade,
                 reader: query.Reader,
                 loop: asyncio.AbstractEventLoop) -> None:
        endpoint = NodeEndpoint(submit.BlockingFacade(facade, loop), reader)
        self._transport = messaging.get_transport(conf)
        self._server = oslo_messaging.get_rpc_server(
            self._transport, messaging.node_target(facade.identity.name),
            [endpoint], executor='threading')

    def start(self) -> None:
        """Take calls from now on."""
        self._server.start()
        LOG.info('RPC server listens on topic %s', messaging.NODE_TOPIC)

    def stop(self) -> None:
        """Take no more calls; return when those running have ended."""
        self._server.stop()
        self._server.wait()
        self._transport.cleanup()
