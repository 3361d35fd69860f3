# SPDX-License-Identifier: Apache-2.0
"""The ledger as publisher and validator see it: proven, or not at all."""

from collections.abc import Callable
import os
from typing import Any
from typing import TypeVar

from oslo_log import log as logging

from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import light_client
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.core import limits
from tacker_ledger.keystore import file as file_keystore
from tacker_ledger.transport import client as client_module

LOG = logging.getLogger(__name__)

_CA_MAX_BYTES = 256 * 1024
_STATE_MAX_BYTES = 64 * 1024 * 1024
_GROUP = 'anchor_ledger'
_T = TypeVar('_T')

Certified = certificate_module.Certified


class LedgerLink:
    """Asks the nodes of one federation and believes proofs only.

    :param options: ``[anchor_ledger]``
    :raises BadOption: an option is missing or cannot be used
    """

    def __init__(self, options: Any) -> None:
        provider = providers.default()
        self._state_file = options.state_file
        self._light = light_client.LightClient(
            provider, self._stored(_read(options, 'federation_document',
                                         limits.FEDERATION_DOCUMENT_MAX_BYTES)
                                   ))
        self._saved = self._light.trusted
        ca_pem = (_read(options, 'ca_file', _CA_MAX_BYTES).decode('ascii')
                  if options.ca_file else None)
        self._client = client_module.LedgerClient(
            [_node(text) for text in options.nodes],
            self._light.trusted.federation, ca_pem=ca_pem, provider=provider)

    def _stored(self, signed: bytes) -> trusted_state.TrustedState:
        genesis = federation_module.check_genesis(
            providers.default(),
            federation_module.SignedFederation.from_bytes(signed))
        if self._state_file and os.path.exists(self._state_file):
            found = trusted_state.TrustedState.from_bytes(
                file_keystore.read_secret(self._state_file,
                                          _STATE_MAX_BYTES))
            if found.chain_id != genesis.chain_id:
                raise errors.CorruptStore(
                    f'{self._state_file} is of another chain.')
            return found
        return trusted_state.TrustedState.bootstrap(
            providers.default(), genesis.chain_id, signed)

    def _save(self) -> None:
        trusted = self._light.trusted
        if self._state_file and trusted is not self._saved:
            file_keystore.write_secret(self._state_file, trusted.to_bytes(),
                                       replace=True)
        self._saved = trusted

    @property
    def h(self) -> hashing.Hasher:
        """Of the chain."""
        return self._light.h

    @property
    def chain_id(self) -> bytes:
        """32 bytes."""
        return self._light.trusted.chain_id

    def close(self) -> None:
        """Give the sockets back."""
        self._client.close()

    def head(self) -> Certified:
        """Return the newest certified head.

        :raises LedgerError: no node proves one
        """
        found = self._first(
            lambda node: self._client.head(node=node),
            lambda reply: self._light.accept_head(*_body(reply)))
        self._save()
        return found

    def transaction(self, txid: bytes
                    ) -> tuple[transaction_module.Transaction, Certified]:
        """Return a transaction that is proven to stand in a block.

        :raises NotFound: it stands in none, as far as nodes say
        :raises LedgerError: no node proves it
        """
        def judge(reply: client_module.Reply
                  ) -> tuple[transaction_module.Transaction, Certified]:
            (header, certificate), inclusion, raw = _body(reply)
            found = self._light.check_transaction(header, certificate, raw,
                                                  inclusion)
            if found.txid != txid:
                raise errors.BadAnswer('Another transaction than asked for.')
            if self._light.is_of_the_past(header):
                LOG.warning('Transaction %s stands under a federation that '
                            'ended: its members alone vouch for it',
                            txid.hex())
            return found, self._light.certify(header, certificate)

        return self._first(
            lambda node: self._client.transaction(txid, node=node), judge)

    def submit(self, raw: bytes) -> None:
        """Hand a transaction over; one that is known is success.

        :raises ConflictError: the chain does not allow it
        :raises LedgerError: no node takes it
        """
        def judge(reply: client_module.Reply) -> None:
            [(_txid, code, message)] = reply.body or [
                (None, errors.NoNode.code, 'no answer')]
            if code not in (None, errors.Duplicate.code):
                raise errors.from_dict({'code': code, 'message': message})

        batch = [transaction_module.Submission(raw).to_bytes()]
        try:
            self._first(lambda node: self._client.submit(batch, node=node),
                        judge)
        except errors.Duplicate:
            pass

    def _first(self, ask: Callable[[client_module.Node],
                                   client_module.Reply],
               judge: Callable[[client_module.Reply], _T]) -> _T:
        """Return what the first node proves; the last error otherwise."""
        failed: errors.LedgerError = errors.NoNode('There is no node to ask')
        for node in self._client.pool.nodes():
            try:
                try:
                    return judge(ask(node))
                except (errors.UnknownFederation, errors.BadAnswer):
                    if not self._catch_up(node):
                        raise
                    return judge(ask(node))
            except errors.LedgerError as error:
                failed = error
        raise failed

    def _catch_up(self, node: client_module.Node) -> bool:
        """Take over later federation documents that a node proves."""
        before = self._light.trusted.federation
        reply = self._client.federations(before.epoch + 1, node=node)
        for _signed, pair, inclusion, raw in reply.body or ():
            if pair is None or inclusion is None or raw is None:
                raise errors.BadAnswer('A federation document comes without '
                                       'its place in the chain.')
            self._light.advance_federation(raw, inclusion, *pair)
        after = self._light.trusted.federation
        if after is before:
            return False
        self._client.update(after)
        self._save()
        return True


def _body(reply: client_module.Reply) -> Any:
    if reply.body is None:
        raise errors.NotFound(f'{reply.node.url} has no such object.')
    return reply.body


def _node(text: str) -> tuple[str, int]:
    url, _, member = text.rpartition('#')
    if not url or not member.isdigit():
        raise errors.BadOption(
            f'Option nodes in [{_GROUP}]: {text!r} is not URL#MEMBER',
            option='nodes', group=_GROUP)
    return url, int(member)


def _read(options: Any, name: str, max_bytes: int) -> bytes:
    path = options[name]
    try:
        with open(path, 'rb') as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise errors.BadOption(
            f'Option {name} in [{_GROUP}]: {path}: {error.strerror}',
            option=name, group=_GROUP) from error
    if len(data) > max_bytes:
        raise errors.BadOption(
            f'Option {name} in [{_GROUP}]: {path} is too long',
            option=name, group=_GROUP)
    return data
