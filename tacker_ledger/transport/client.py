# SPDX-License-Identifier: Apache-2.0
"""Asking the nodes of a federation, for VNFs and tenants.

A :class:`LedgerClient` sends a request to one node after the other until
one answers acceptably: in time, within bounds, signed by that member's
answer key over this very request (its target holds a fresh nonce) and not
below a head the member signed before.  What the answer *proves* is for
``core.ledger.light_client`` to judge; a caller who finds a lie there says
so with :meth:`LedgerClient.accuse` and asks again.

Synchronous, and importable with what a VNF image holds: no asyncio, no
library of the node.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import json
import secrets
from typing import Any

from tacker_ledger.core import codec
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import answer as answer_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core import limits
from tacker_ledger.transport import bounded_http
from tacker_ledger.transport import node_pool

Node = node_pool.Node
Request = answer_module.Request

WAIT_MAX_SECONDS = 60
JSON_MAX_BYTES = 4 * 1024 * 1024
NONCE_BYTES = 16
#: Decodes the body of an answer.
_Reader = Callable[[bytes], Any]
_CBOR = 'application/cbor'
_JSON = 'application/json'

#: What says "this node, now" rather than "this request, anywhere".
_OF_THE_NODE = (errors.RateLimited, errors.Busy, errors.NoQuorum,
                errors.ShuttingDown, errors.StorageFailed,
                errors.UnavailableError, errors.ProofError)


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """An authentic answer: that member did sign it for this request.

    :param answer: the signed envelope: member, instance, head
    :param body: the decoded body, a tuple of the shape in
        ``core.ledger.answer``; None where the node says it has no such
        object
    :param node: who was asked
    :param request: what was asked
    :param raw: the envelope's bytes: evidence, should the body be a lie
        (``core.ledger.lie``)
    """

    answer: answer_module.Answer
    body: Any
    node: Node
    request: Request
    raw: bytes = dataclasses.field(repr=False)


class LedgerClient:
    """Reads from and submits to the nodes of one federation.

    Threads may share a client.

    :param nodes: (url, member index) pairs
    :param federation: the document in force, as far as the caller knows
    :param ca_pem: certificates (PEM) of the federation CA, the only
        authority believed; None: those of the system
    :param provider: of cryptography; None: the process's default
    :param rng: returns as many random bytes as asked for; for nonces
    :param timeout_seconds: of one request to one node, from connecting to
        the last byte, beside the time the node was asked to wait
    :raises BadDocument: an address is none of a door
    :raises BadOption: no nodes, or the CA is not readable
    """

    def __init__(self, nodes: Iterable[Node | tuple[str, int]],
                 federation: federation_module.Federation, *,
                 ca_pem: str | None = None,
                 provider: base.Provider | None = None,
                 rng: Callable[[int], bytes] = secrets.token_bytes,
                 timeout_seconds: float = 15.0,
                 pool: node_pool.NodePool | None = None) -> None:
        self.pool = pool or node_pool.NodePool(nodes)
        self._federation = federation
        self._h = hashing.hasher(federation.chain_id)
        self._ca_pem = ca_pem
        self._provider = provider or providers.default()
        self._rng = rng
        self.timeout_seconds = timeout_seconds
        self._connections: dict[str, bounded_http.Connection] = {}
        for node in self.pool.nodes():
            self._connection(node)

    @property
    def federation(self) -> federation_module.Federation:
        """The document whose answer keys are believed."""
        return self._federation

    def update(self, federation: federation_module.Federation) -> None:
        """Go over to a later federation document, which the caller proved.

        Nodes are followed by their member's name: indices may change.  A
        member that left is asked no more, a new one is added.
        """
        names = {member.name: index for index, member
                 in enumerate(federation.members)}
        kept = []
        for node in self.pool.nodes():
            member = self._federation.member(node.member)
            if member is not None and member.name in names:
                kept.append(Node(node.url, names.pop(member.name)))
        kept += [Node(federation.members[index].door_url, index)
                 for index in names.values()]
        self._federation = federation
        self.pool.replace(kept)

    def close(self) -> None:
        """Give the sockets back."""
        for made in self._connections.values():
            made.close()

    # What can be asked

    def head(self, *, since: int | None = None, wait_seconds: int = 0,
             node: Node | None = None) -> Reply:
        """Ask for the newest block's header and certificate.

        :param since: answer when the head is above this height, or when
            ``wait_seconds`` have passed
        :param node: ask this one only
        """
        return self._read('/v1/head', _waiting(since, wait_seconds),
                          answer_module.read_head, wait_seconds, node)

    def state(self, keys: Sequence[bytes], *, since: int | None = None,
              wait_seconds: int = 0, node: Node | None = None) -> Reply:
        """Ask for state values and their proofs, all at one head.

        :param keys: 1 to 256 state keys, 32 bytes each
        :param since: answer when one of them changed above this height, or
            when ``wait_seconds`` have passed
        """
        query = [('key', key.hex()) for key in keys]
        return self._read('/v1/state', query + _waiting(since, wait_seconds),
                          answer_module.read_state, wait_seconds, node)

    def history(self, state_key: bytes, *, after: int = 0,
                limit: int = limits.HISTORY_PAGE_MAX_COUNT,
                node: Node | None = None) -> Reply:
        """Ask for a page of a history, ascending.

        :param after: the count of the last entry known
        """
        return self._read(f'/v1/histories/{state_key.hex()}',
                          [('after', str(after)), ('limit', str(limit))],
                          answer_module.read_history, 0, node)

    def transaction(self, txid: bytes, *, wait_seconds: int = 0,
                    node: Node | None = None) -> Reply:
        """Ask for a transaction, its place and its block's header.

        :param wait_seconds: how long to wait until it is committed
        :returns: the body is None if the chain does not hold it
        """
        query = [('wait', str(wait_seconds))] if wait_seconds else []
        return self._read(f'/v1/transactions/{txid.hex()}', query,
                          answer_module.read_transaction, wait_seconds, node)

    def block(self, height: int, *, body: bool = True,
              node: Node | None = None) -> Reply:
        """Ask for a block; the body is None if it is not there yet."""
        return self._read(f'/v1/blocks/{height}',
                          [('body', 'true' if body else 'false')],
                          answer_module.read_block, 0, node)

    def federations(self, from_epoch: int = 0, *,
                    node: Node | None = None) -> Reply:
        """Ask for the federation documents from an epoch on.

        They prove themselves (``LightClient.advance_federation``), so this
        answer is taken under any answer key: a client that missed a change
        of members knows only the old ones.
        """
        return self._read('/v1/federation',
                          [('from_epoch', str(from_epoch))],
                          answer_module.read_federation, 0, node,
                          authentic=False)

    def submit(self, submissions: Sequence[bytes], *,
               node: Node | None = None) -> Reply:
        """Hand over submissions.

        :param submissions: encoded, at most
            ``limits.BATCH_SUBMIT_MAX_COUNT``
        :returns: the body has (transaction id or None, error code or None,
            message or None) for each, in their order; no code means that
            the node holds it, not that it is committed
        """
        body = _batch(submissions)
        return self._asked(
            'POST', '/v1/transactions', [], answer_module.read_submission,
            node=node, request_body=body)

    def search(self, *, node: Node | None = None,
               **filters: str | int) -> list[dict[str, Any]]:
        """Ask the index of a node; nothing of it is proven or signed.

        :param filters: ``sender``, ``recipient``, ``cid`` (hex), ``type``,
            ``after_height``, ``limit``
        """
        found = self._json('/v1/search', sorted(filters.items()), node)
        rows = found.get('transactions')
        if not isinstance(rows, list) or not all(
                isinstance(row, dict) for row in rows):
            raise errors.BadAnswer('The search result is not a list.')
        return rows

    def fate(self, txid: bytes, *, node: Node | None = None
             ) -> dict[str, Any]:
        """Ask what became of a transaction that is in no block.

        :returns: ``state`` is ``committed``, ``waiting``, ``refused`` (then
            with ``code`` and ``message``) or ``unknown``; not signed, and
            only the node that took the transaction knows
        """
        return self._json(f'/v1/transactions/{txid.hex()}/fate', [], node)

    def status(self, *, node: Node | None = None) -> dict[str, Any]:
        """Ask a node how it is; nothing of it is proven or signed.

        It says what its release knows.
        """
        return self._json('/v1/status', [], node, 'latest')

    def accuse(self, reply: Reply, code: str) -> None:
        """Record that an authentic answer is a lie, and avoid the node.

        :param code: of the error that the light client raised
        """
        self.pool.mark_lying(node_pool.Offence(
            reply.node, code, reply.request, reply.raw))

    # How it is asked

    def _read(self, path: str, query: list[tuple[str, str]], read: _Reader,
              wait_seconds: int, node: Node | None,
              authentic: bool = True) -> Reply:
        return self._asked('GET', path, query, read,
                           wait_seconds=wait_seconds, node=node,
                           authentic=authentic)

    def _asked(self, method: str, path: str, query: list[tuple[str, str]],
               read: _Reader, *, wait_seconds: int = 0, node: Node | None,
               request_body: bytes = b'', authentic: bool = True) -> Reply:
        def ask(one: Node) -> Reply:
            target = _target(path, [*query, ('nonce', self._nonce())])
            return self._reply(one, method, target, request_body, read,
                               wait_seconds, authentic)
        return self._first(ask, node)

    def _nonce(self) -> str:
        return self._rng(NONCE_BYTES).hex()

    def _first(self, ask: Callable[[Node], Any], node: Node | None) -> Any:
        """Return what the first node that answers acceptably says."""
        if node is not None:
            return self._from_one(ask, node)
        failures: list[tuple[Node, errors.LedgerError]] = []
        for one in self.pool.nodes():
            try:
                return self._from_one(ask, one)
            except errors.LedgerError as error:
                failures.append((one, error))
        if len({error.code for _one, error in failures}) == 1:
            raise failures[0][1]
        raise errors.NoNode(
            'No node gave an acceptable answer: ' + '; '.join(
                f'{one.url}: {error.code}' for one, error in failures[:8]),
            nodes=[{'url': one.url, 'member': one.member,
                    'code': error.code, 'message': error.message}
                   for one, error in failures])

    def _from_one(self, ask: Callable[[Node], Any], node: Node) -> Any:
        try:
            found = ask(node)
        except errors.LedgerError as error:
            if isinstance(error, _OF_THE_NODE) or error.http_status >= 500:
                after = error.details.get('retry_after_seconds')
                self.pool.mark_failing(
                    node, after if isinstance(after, float) else 0.0)
            raise
        self.pool.mark_answered(node)
        return found

    def _connection(self, node: Node) -> bounded_http.Connection:
        made = self._connections.get(node.url)
        if made is None:
            made = bounded_http.Connection(node.url, self._ca_pem)
            # Another thread may have been faster: keep the first.
            made = self._connections.setdefault(node.url, made)
        return made

    def _reply(self, node: Node, method: str, target: str,
               request_body: bytes, read: _Reader, wait_seconds: int,
               authentic: bool) -> Reply:
        before = self.pool.heard(node)
        response = self._connection(node).request(
            method, target, accept=f'{_CBOR}, {_JSON}', body=request_body,
            body_type=_CBOR if request_body else '',
            timeout_seconds=self.timeout_seconds + wait_seconds,
            max_bytes=limits.ANSWER_MAX_BYTES)
        if response.media_type != _CBOR:
            raise _refusal(node, response)
        request = Request.of(method, target, request_body)
        data = response.content
        if authentic:
            answer = answer_module.check_answer(
                self._h, self._provider, self._federation,
                request.digest(self._h), node.member, data)
            self.pool.note(node, before, request, answer, data)
        else:
            answer = answer_module.Answer.from_bytes(data)
            if answer.request_digest != request.digest(self._h):
                raise errors.BadAnswer('it answers another request')
        try:
            body = read(answer.body)
        except errors.NotFound:
            body = None
        except errors.BadAnswer as error:
            if authentic:
                self.pool.mark_lying(node_pool.Offence(
                    node, error.code, request, data))
            raise
        return Reply(answer, body, node, request, data)

    def _json(self, path: str, query: list[tuple[str, Any]],
              node: Node | None, version: str = '') -> dict[str, Any]:
        def ask(one: Node) -> dict[str, Any]:
            response = self._connection(one).request(
                'GET', _target(path, query), accept=_JSON, version=version,
                timeout_seconds=self.timeout_seconds,
                max_bytes=JSON_MAX_BYTES)
            if response.status != 200:
                raise _refusal(one, response)
            return _parsed(one, response)
        found: dict[str, Any] = self._first(ask, node)
        return found


def _waiting(since: int | None, wait_seconds: int) -> list[tuple[str, str]]:
    if since is None:
        return []
    wait_seconds = min(wait_seconds, WAIT_MAX_SECONDS)
    return [('since', str(since)), ('wait', str(wait_seconds))]


def _target(path: str, query: Iterable[tuple[str, Any]]) -> str:
    """Return path and query; all values are digits, hex or plain words."""
    pairs = '&'.join(f'{name}={value}' for name, value in query)
    return f'{path}?{pairs}' if pairs else path


def _batch(items: Sequence[bytes]) -> bytes:
    """Return the request body of several submissions."""
    if not 0 < len(items) <= limits.BATCH_SUBMIT_MAX_COUNT:
        raise errors.TooLarge(
            f'1 to {limits.BATCH_SUBMIT_MAX_COUNT} submissions at a time.',
            size=len(items), limit=limits.BATCH_SUBMIT_MAX_COUNT)
    return codec.encode(tuple(items))


def _parsed(node: Node, response: bounded_http.Response) -> dict[str, Any]:
    try:
        found = json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise errors.BadAnswer(f'{node.url} sent no valid JSON.',
                               url=node.url) from error
    if not isinstance(found, dict):
        raise errors.BadAnswer(f'{node.url} sent no JSON object.',
                               url=node.url)
    return found


def _refusal(node: Node,
             response: bounded_http.Response) -> errors.LedgerError:
    """Return the error that a JSON answer describes; nobody signed it."""
    if response.media_type != _JSON or response.status < 400:
        return errors.BadAnswer(
            f'{node.url} answered with {response.media_type!r:.80}, status '
            f'{response.status}.', url=node.url, status=response.status)
    told = _parsed(node, response)
    if isinstance(told.get('message'), str):
        told['message'] = bounded_http.printable(told['message'])
    error = errors.from_dict(told)
    if response.retry_after_seconds:
        error.details['retry_after_seconds'] = response.retry_after_seconds
    return error
