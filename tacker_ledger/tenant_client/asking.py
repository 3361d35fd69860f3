# SPDX-License-Identifier: Apache-2.0
"""Asking nodes until one proves its answer; remembering what was proven."""

from collections.abc import Callable
from collections.abc import Sequence
import logging
import time
from typing import Any
from typing import TypeVar

from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tenant_client import evidence
from tacker_ledger.tenant_client import profile as profile_module
from tacker_ledger.tenant_client import store as store_module
from tacker_ledger.transport import client as client_module

LOG = logging.getLogger(__name__)

TRUSTED_FILE = 'trusted.cbor'
#: A head is fresh within so many heartbeats (protocol 3).
FRESH_HEARTBEATS = 4
_TRUSTED_MAX_BYTES = 64 * 1024 * 1024

Certified = certificate_module.Certified
Node = client_module.Node
Reply = client_module.Reply
_T = TypeVar('_T')


class Asker:
    """Asks the nodes of one chain and judges what they say.

    :param store: where what was proven is kept
    """

    def __init__(self, profile: profile_module.Profile,
                 store: store_module.Store) -> None:
        self._profile = profile
        self._store = store
        self._light = light_client.LightClient(profile.provider,
                                               self._stored())
        self._saved = self._light.trusted
        self.client = client_module.LedgerClient(
            profile.nodes, self._light.trusted.federation,
            ca_pem=profile.ca_pem, provider=profile.provider,
            timeout_seconds=profile.request_timeout_seconds)

    def _stored(self) -> trusted_state.TrustedState:
        data = self._store.read(TRUSTED_FILE, _TRUSTED_MAX_BYTES)
        chain_id = self._profile.genesis.chain_id
        if data is None:
            return trusted_state.TrustedState.bootstrap(
                self._profile.provider, chain_id,
                self._profile.signed_genesis)
        try:
            found = trusted_state.TrustedState.from_bytes(data)
        except errors.FormatError as error:
            raise errors.CorruptStore(
                f'{self._store.path(TRUSTED_FILE)} is damaged: '
                f'{error.message}') from error
        if found.chain_id != chain_id:
            raise errors.CorruptStore(
                f'{self._store.path(TRUSTED_FILE)} is of another chain.')
        return found

    def save(self) -> None:
        """Keep what was proven, unless a newer head is kept already."""
        trusted = self._light.trusted
        if trusted is self._saved:
            return
        with self._store.locked():
            kept = self._stored()
            if (kept.reference.height < trusted.reference.height
                    or len(kept.epochs) < len(trusted.epochs)):
                self._store.write(TRUSTED_FILE, trusted.to_bytes())
        self._saved = trusted

    def close(self) -> None:
        """Keep what was proven and who lied; give the sockets back."""
        try:
            self.save()
            for name in evidence.keep(
                    self._store, self.h, self._profile.provider,
                    self._light.trusted.federation,
                    self.client.pool.offences()):
                LOG.warning('Kept the evidence of a false answer: %s',
                            self._store.path(f'{evidence.FOLDER}/{name}'))
        finally:
            self.client.close()

    @property
    def h(self) -> hashing.Hasher:
        """Of the chain."""
        return self._light.h

    @property
    def chain_id(self) -> bytes:
        """32 bytes."""
        return self._light.trusted.chain_id

    @property
    def trusted(self) -> trusted_state.TrustedState:
        """What is proven so far."""
        return self._light.trusted

    @property
    def height(self) -> int:
        """Height of the newest head that is proven."""
        return self._light.trusted.reference.height

    def nodes(self) -> list[tuple[str, int]]:
        """Return (URL, member) of every door this client asks."""
        return sorted(((node.url, node.member)
                       for node in self.client.pool.nodes()),
                      key=lambda item: item[1])

    # Asking until somebody proves it

    def first(self, ask: Callable[[Node], _T]) -> _T:
        """Return what the first node that proves its answer says.

        :raises LedgerError: the one error of all nodes, else NoNode
        """
        failures: list[tuple[Node, errors.LedgerError]] = []
        for node in self.client.pool.nodes():
            try:
                return self.asked(ask, node)
            except errors.LedgerError as error:
                failures.append((node, error))
        raise failure(failures)

    def asked(self, ask: Callable[[Node], _T], node: Node) -> _T:
        """Return what a node says, by the key that it has now.

        Where its answer is not by the key that is known of it, members may
        have changed their keys since: it may prove the later documents.
        """
        try:
            return ask(node)
        except errors.BadAnswer:
            now = self._as_known_now(node)
            if now is None:
                raise
        return ask(now)

    def _as_known_now(self, node: Node) -> Node | None:
        try:
            if not self._catch_up(node):
                return None
        except errors.LedgerError as error:
            LOG.debug('%s proves no later federation: %s', node.url,
                      error.message)
            return None
        return next((one for one in self.client.pool.nodes()
                     if one.url == node.url), None)

    def judged(self, reply: Reply, judge: Callable[[Reply], _T]) -> _T:
        """Judge an answer; load a newer federation document if it needs one.

        A false answer is put on record with its node.
        """
        try:
            try:
                return judge(reply)
            except errors.UnknownFederation:
                if not self._catch_up(reply.node):
                    raise
                return judge(reply)
        except (errors.HeadRollback, errors.StaleHead):
            # Behind, or cut off from the others: no lie by itself.
            self.client.pool.mark_stale(reply.node)
            raise
        except errors.ProofError as error:
            self._accuse(reply, error)
            raise
        except (errors.FormatError, errors.AuthenticityError) as error:
            self._accuse(reply, error)
            raise errors.BadAnswer(
                f'{reply.node.url}: {error.message}',
                url=reply.node.url, reason=error.code) from error

    def _accuse(self, reply: Reply, error: errors.LedgerError) -> None:
        LOG.warning('%s gave a false answer, %s: %s', reply.node.url,
                    error.code, error.message)
        self.client.accuse(reply, error.code)

    def _catch_up(self, node: Node) -> bool:
        """Take over later federation documents that a node proves."""
        before = self._light.trusted.federation
        reply = self.client.federations(before.epoch + 1, node=node)
        for _signed, pair, inclusion, raw in reply.body or ():
            if pair is None or inclusion is None or raw is None:
                raise errors.BadAnswer('A federation document comes without '
                                       'its place in the chain.')
            self._light.advance_federation(raw, inclusion, *pair)
        after = self._light.trusted.federation
        if after is before:
            return False
        self.client.update(after)
        return True

    def _fresh_bound_ms(self) -> int:
        federation = self._light.trusted.federation
        return FRESH_HEARTBEATS * federation.parameters.heartbeat_ms

    def _accept(self, pair: tuple[bytes, bytes]) -> Certified:
        """Accept a head that is fresh by this machine's clock."""
        found = self._light.accept_head(*pair)
        self._light.check_fresh(found, time.time_ns() // 1_000_000,
                                self._fresh_bound_ms())
        return found

    def at_head(self, ask: Callable[[Node], Reply],
                judge: Callable[[Reply, Callable[[tuple[bytes, bytes]],
                                                 Certified]], _T]) -> _T:
        """Ask for something at the newest head, fresh if anybody has it.

        Without a quorum heads grow old everywhere and reading goes on, so
        a stale head is taken when no node has a fresh one, with a warning.
        """
        try:
            return self.first(lambda node: self.judged(
                ask(node), lambda reply: judge(reply, self._accept)))
        except errors.StaleHead as error:
            LOG.warning(
                'No node shows a fresh head: the newest is %d seconds old. '
                'The ledger stands still, this client is cut off from it, '
                'or this clock is wrong.',
                error.details.get('age_ms', 0) // 1000)
        return self.first(lambda node: self.judged(
            ask(node), lambda reply: judge(
                reply, lambda pair: self._light.accept_head(*pair))))

    def first_proven(self, ask: Callable[[Node], Reply],
                     judge: Callable[[Reply], _T]) -> _T:
        """Return what a judge makes of the first answer that stands."""
        return self.first(lambda node: self.judged(ask(node), judge))

    def certify(self, header: bytes, certificate: bytes) -> Certified:
        """Return what a header makes certain (see the light client)."""
        return self._light.certify(header, certificate)

    @property
    def provider(self) -> provider_module.Provider:
        """Of cryptography."""
        return self._profile.provider


def found(reply: Reply) -> Any:
    """Return the body of an answer.

    :raises NotFound: the node says that there is no such object
    """
    if reply.body is None:
        raise errors.NotFound(f'{reply.node.url} has no such object.')
    return reply.body


def failure(failures: Sequence[tuple[Node, errors.LedgerError]]
            ) -> errors.LedgerError:
    """Return one error for what several nodes said."""
    codes = {error.code for _node, error in failures}
    if len(codes) == 1:
        return failures[0][1]
    return errors.NoNode(
        'No node gave an acceptable answer: ' + '; '.join(
            f'{node.url}: {error.code}' for node, error in failures[:8]),
        nodes=[{'url': node.url, 'member': node.member, 'code': error.code,
                'message': error.message} for node, error in failures])
