# SPDX-License-Identifier: Apache-2.0
"""Making transactions and opening them, for tenants, VNFs and vendors.

Nonces, content keys and times are arguments: two calls with the same give
the same content (signatures and wraps are the provider's to draw).  A
content key and a nonce are used once, for one transaction.
"""

from collections.abc import Sequence
import dataclasses

from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto.providers import base as providers_base
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits


@dataclasses.dataclass(frozen=True, slots=True)
class Authored:
    """A transaction and the key that opens it.

    :param transaction: signed, ready to submit
    :param content_key: 32 bytes; None for what is not sealed
    """

    transaction: transaction_module.Transaction
    content_key: bytes | None = dataclasses.field(default=None, repr=False)


def author_configuration(
        h: hashing.Hasher, provider: providers_base.Provider,
        pair: suite_module.KeyPair, *, vid: int,
        payload: payload_module.PrivatePayload, timestamp_ms: int,
        nonce: bytes, content_key: bytes, cid: bytes | None = None,
        recipient: suite_module.KeyDocument | None = None,
        recipient_id: bytes | None = None,
        recovery: suite_module.KeyDocument | None = None,
        auditor: suite_module.KeyDocument | None = None,
        description: str = '',
        compression: int = envelope.COMPRESSION_ZLIB,
        apply_before: Sequence[identifiers.Reference] = (),
        apply_after: Sequence[identifiers.Reference] = ()) -> Authored:
    """Return a sealed configuration transaction.

    :param pair: of the sender; gets a wrap if it can open one
    :param vid: the version, 1 for a new CID
    :param payload: of a private kind
    :param nonce: 16 bytes, drawn for this transaction
    :param content_key: 32 bytes, drawn for this transaction
    :param cid: None founds a new CID
    :param recipient: who gets the first wrap; a dummy is made for a key
        that only signs
    :param recipient_id: instead of ``recipient`` where only the key id is
        known or no wrap is wanted
    :param recovery: the tenant's recovery key, for a third wrap
    :param auditor: an auditor's key, for a fourth
    :raises FormatError: a field breaks a rule of the format
    :raises BadOption: no recipient, or two
    """
    if (recipient is None) == (recipient_id is None):
        raise errors.BadOption('name the recipient by key or by key id')
    if recipient is not None:
        recipient_id = recipient.key_id
    author = pair.document
    unsealed = transaction_module.Configuration(
        cid=_cid(h, pair, nonce, cid), vid=vid, compression=compression,
        encryption=transaction_module.ENCRYPTION_NONE,
        description=description, sender=author.to_bytes(),
        recipient_id=None, timestamp_ms=timestamp_ms, nonce=nonce,
        apply_before=tuple(apply_before), apply_after=tuple(apply_after),
        commitment=None, wraps=(), configuration=b'')
    wraps = _wraps(provider, content_key, recipient, author, recovery,
                   auditor)
    content = _sealed(h, provider, unsealed, recipient_id, wraps,
                      payload_module.encode_payload(payload), content_key)
    return Authored(
        transaction_module.Transaction.signed_by(h, pair, content),
        content_key)


def author_answer(
        h: hashing.Hasher, provider: providers_base.Provider,
        pair: suite_module.KeyPair,
        request: transaction_module.Transaction,
        payload: payload_module.PrivatePayload, *, timestamp_ms: int,
        nonce: bytes, content_key: bytes,
        recovery: suite_module.KeyDocument | None = None,
        auditor: suite_module.KeyDocument | None = None) -> Authored:
    """Return the answer to a configuration request.

    CID, VID, compression, encryption and description are the request's;
    its sender is the recipient.

    :param pair: of the VNF that was asked
    :param payload: a :class:`~.payload_private.StateReport`
    :raises BadOption: ``request`` is not a request
    """
    form = request.content
    if not isinstance(form, transaction_module.Request):
        raise errors.BadOption('this transaction asks for no answer',
                               txid=request.txid.hex())
    return author_configuration(
        h, provider, pair, cid=form.cid, vid=form.vid, payload=payload,
        recipient=request.sender, recovery=recovery, auditor=auditor,
        description=form.description, compression=form.compression,
        timestamp_ms=timestamp_ms, nonce=nonce, content_key=content_key)


def author_public(
        h: hashing.Hasher, pair: suite_module.KeyPair, *, vid: int,
        payload: payload_module.PublicPayload, timestamp_ms: int,
        nonce: bytes, cid: bytes | None = None, description: str = '',
        compression: int | None = None,
        apply_before: Sequence[identifiers.Reference] = (),
        apply_after: Sequence[identifiers.Reference] = ()
        ) -> transaction_module.Transaction:
    """Return a public configuration transaction.

    :param payload: of a public kind
    :param nonce: 16 bytes, drawn for this transaction
    :param cid: None founds a new CID
    :param compression: None takes zlib, and nothing for a federation
        document, which nodes read uncompressed only
    :raises FormatError: a field breaks a rule of the format
    :raises TooLarge: the payload does not fit
    """
    if compression is None:
        compression = (
            envelope.COMPRESSION_NONE
            if isinstance(payload, payload_module.FederationDocument)
            else envelope.COMPRESSION_ZLIB)
    encoded = payload_module.encode_payload(payload)
    assert not payload_module.is_private(payload)
    packed = envelope.compress(compression, encoded)
    if len(packed) > limits.CONFIGURATION_MAX_BYTES:
        raise errors.TooLarge('the payload is too large', size=len(packed),
                              limit=limits.CONFIGURATION_MAX_BYTES)
    content = transaction_module.Configuration(
        cid=_cid(h, pair, nonce, cid), vid=vid, compression=compression,
        encryption=transaction_module.ENCRYPTION_NONE,
        description=description, sender=pair.document.to_bytes(),
        recipient_id=None, timestamp_ms=timestamp_ms, nonce=nonce,
        apply_before=tuple(apply_before), apply_after=tuple(apply_after),
        commitment=None, wraps=(), configuration=packed)
    return transaction_module.Transaction.signed_by(h, pair, content)


def author_request(
        h: hashing.Hasher, pair: suite_module.KeyPair, *, vid: int,
        recipient_id: bytes, slot_expiry_ms: int, timestamp_ms: int,
        nonce: bytes, cid: bytes | None = None, description: str = '',
        compression: int = envelope.COMPRESSION_ZLIB
        ) -> transaction_module.Transaction:
    """Return a configuration request.

    :param vid: the slot CID's next version, 1 for a new CID
    :param recipient_id: key id of the VNF that is asked, 32 bytes
    :param slot_expiry_ms: when the answer is due, in header time
    :param nonce: 16 bytes, drawn for this transaction
    :param cid: None founds a new slot CID
    :param description: with the compression, what the answer must use
    :raises FormatError: a field breaks a rule of the format
    """
    return transaction_module.Transaction.signed_by(
        h, pair, transaction_module.Request(
            cid=_cid(h, pair, nonce, cid), vid=vid, compression=compression,
            encryption=transaction_module.ENCRYPTION_SEALED,
            description=description, sender=pair.document.to_bytes(),
            recipient_id=recipient_id, timestamp_ms=timestamp_ms,
            nonce=nonce, slot_expiry_ms=slot_expiry_ms))


def open_configuration(
        h: hashing.Hasher, transaction: transaction_module.Transaction,
        pair: suite_module.KeyPair | None = None,
        role: envelope.Role = envelope.Role.RECIPIENT, *,
        provider: providers_base.Provider | None = None
        ) -> tuple[payload_module.Payload, bytes | None]:
    """Return the payload of a transaction and the key that opened it.

    :param pair: of the reader; None will do for what is public
    :param role: whose wrap the reader's is
    :param provider: the process's default if None
    :returns: the payload, and the content key or None if not sealed
    :raises WrongPayload: the transaction is a request and has none, or the
        payload is not of the class that travels this way
    :raises Undecryptable: the wrap is not for this pair
    :raises AuthenticityError: it opens to nothing the sender stands for
    :raises FormatError: what it opens to is not a payload
    """
    content = _configuration_of(transaction)
    if not content.is_sealed:
        return open_public(transaction), None
    if pair is None:
        raise errors.Undecryptable('sealed, and no key to open it')
    content_key = envelope.unwrap(pair, role, content.wraps)
    return (open_with_key(h, transaction, content_key, provider=provider),
            content_key)


def open_with_key(
        h: hashing.Hasher, transaction: transaction_module.Transaction,
        content_key: bytes, *,
        provider: providers_base.Provider | None = None
        ) -> payload_module.PrivatePayload:
    """Return the payload of a sealed transaction by its content key.

    :param content_key: 32 bytes, from a wrap or from a sealed reference
    :raises WrongContentKey: not the key the sender committed to
    :raises WrongPayload: nothing sealed there, or a public kind
    :raises Undecryptable: the configuration was not sealed for the other
        fields
    :raises FormatError: what it opens to is not a payload
    """
    encoded = open_bytes(h, transaction, content_key, provider=provider)
    return payload_module.decode_payload(encoded, sealed=True)


def open_bytes(
        h: hashing.Hasher, transaction: transaction_module.Transaction,
        content_key: bytes, *,
        provider: providers_base.Provider | None = None) -> bytes:
    """Return the encoded payload of a sealed transaction.

    What :func:`~.payload.payload_digest` is taken of; raises as
    :func:`open_with_key`.
    """
    content = _configuration_of(transaction)
    if content.commitment is None:
        raise errors.WrongPayload('the transaction is not sealed',
                                  txid=transaction.txid.hex())
    return envelope.open_sealed(
        provider or providers.default(), h,
        ciphertext=content.configuration, compression=content.compression,
        content_key=content_key, commitment=content.commitment,
        nonce16=content.nonce,
        associated_data=transaction_module.associated_data(
            content.unsealed_fields()))


def open_public(transaction: transaction_module.Transaction
                ) -> payload_module.PublicPayload:
    """Return the payload of a public configuration.

    :raises WrongPayload: it is sealed, or of a private kind
    :raises FormatError: it is not a payload
    """
    return payload_module.decode_payload(
        open_public_bytes(transaction), sealed=False)


def open_public_bytes(transaction: transaction_module.Transaction) -> bytes:
    """Return the encoded payload of a public configuration.

    :raises WrongPayload: it is sealed, or the transaction is a request
    :raises FormatError: it does not inflate
    """
    content = _configuration_of(transaction)
    if content.is_sealed:
        raise errors.WrongPayload('the transaction is sealed',
                                  txid=transaction.txid.hex())
    return envelope.decompress(content.compression, content.configuration)


def _configuration_of(transaction: transaction_module.Transaction
                      ) -> transaction_module.Configuration:
    if not isinstance(transaction.content, transaction_module.Configuration):
        raise errors.WrongPayload('a request has no payload',
                                  txid=transaction.txid.hex())
    return transaction.content


def _cid(h: hashing.Hasher, pair: suite_module.KeyPair, nonce: bytes,
         cid: bytes | None) -> bytes:
    if cid is not None:
        return cid
    return identifiers.cid_for(h, pair.document.key_id, nonce)


def _wraps(provider: providers_base.Provider, content_key: bytes,
           recipient: suite_module.KeyDocument | None,
           author: suite_module.KeyDocument,
           recovery: suite_module.KeyDocument | None,
           auditor: suite_module.KeyDocument | None) -> tuple[bytes, ...]:
    """Return all wraps; dummies look like the recipient's if it has one."""
    reader = _reader(recipient)
    return envelope.wraps_for(
        provider, content_key, reader, _reader(author), recovery, auditor,
        dummy_suite=(reader or author).suite)


def _reader(document: suite_module.KeyDocument | None
            ) -> suite_module.KeyDocument | None:
    """Return the document if wraps can be made for it."""
    if document is None or document.encryption is None:
        return None
    return document


def _sealed(h: hashing.Hasher, provider: providers_base.Provider,
            unsealed: transaction_module.Configuration,
            recipient_id: bytes | None, wraps: tuple[bytes, ...],
            encoded: bytes, content_key: bytes
            ) -> transaction_module.Configuration:
    """Return the content with its payload sealed into it."""
    assert recipient_id is not None
    commitment = envelope.commitment(h, content_key, unsealed.nonce)
    # The ciphertext is bound to the other fields, so these come first.
    fields = list(unsealed.unsealed_fields())
    fields[5] = transaction_module.ENCRYPTION_SEALED
    fields[8] = recipient_id
    fields[13] = commitment
    ciphertext = envelope.seal(
        provider, h, payload=encoded, compression=unsealed.compression,
        content_key=content_key, nonce16=unsealed.nonce,
        associated_data=transaction_module.associated_data(fields))
    return dataclasses.replace(
        unsealed, encryption=transaction_module.ENCRYPTION_SEALED,
        recipient_id=recipient_id, commitment=commitment, wraps=wraps,
        configuration=ciphertext)
