# SPDX-License-Identifier: Apache-2.0
"""The checks of one transaction before a VNF acts on it (S0 section III.A).

S0 lists five: (i) addressed to this VNF or a group of its, (ii) sent by a
registered tenant, (iii) signed by its sender, (iv) a nonce other than the
last one, (v) references that match those listed.  The first four are here,
with the order of versions, the memory of versions that failed, and what a
request must keep to; the fifth is the plan's.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
import dataclasses

from tacker_ledger.core.configuration import trust as trust_module
from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module


@dataclasses.dataclass(frozen=True, slots=True)
class Located:
    """A transaction and where it stands on the chain, by proof.

    :param position: (height, index in the block)
    """

    position: trust_module.Position
    transaction: transaction_module.Transaction

    @property
    def cid(self) -> bytes:
        """CID of the transaction."""
        return self.transaction.content.cid

    @property
    def vid(self) -> int:
        """VID of the transaction."""
        return self.transaction.content.vid


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A located configuration that could be read.

    :param payload: what it says
    :param encoded: the payload's bytes
    :param content_key: what opened it; None if it is public
    """

    located: Located
    payload: payload_module.Payload
    encoded: bytes = dataclasses.field(repr=False)
    content_key: bytes | None = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """What earlier decisions left behind.

    :param last_nonce: of the last transaction between these two keys
    :param highest_vids: CID -> the highest VID ever acted on
    :param failed: ids of transactions that were tried and failed
    """

    last_nonce: bytes | None = None
    highest_vids: Mapping[bytes, int] = dataclasses.field(
        default_factory=dict)
    failed: AbstractSet[bytes] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at, small enough to be kept for many.

    :param recipient_id: None for what is public
    """

    position: trust_module.Position
    txid: bytes
    sender_id: bytes
    recipient_id: bytes | None
    cid: bytes
    vid: int
    nonce: bytes
    is_request: bool

    @classmethod
    def of(cls, located: Located) -> 'Facts':
        """Return the facts of a transaction."""
        sent = located.transaction
        content = sent.content
        return cls(located.position, sent.txid, sent.sender_id,
                   content.recipient_id, content.cid, content.vid,
                   content.nonce,
                   isinstance(content, transaction_module.Request))


def check(h: hashing.Hasher, provider: provider_module.Provider,
          trust: trust_module.Trust, memory: Memory,
          located: Located) -> None:
    """Refuse a transaction that this VNF must not act on.

    :raises BadSignature: (iii)
    :raises LedgerError: as :func:`check_facts`
    """
    facts = Facts.of(located)
    check_parties(trust, facts)
    transaction_module.verify_signature(provider, h, located.transaction)
    check_news(memory, facts)


def check_facts(trust: trust_module.Trust, memory: Memory,
                facts: Facts) -> None:
    """Do all checks but the signature's.

    :raises NotForMe: (i)
    :raises KeyRevoked: (i) this VNF's key or (ii) the sender's
    :raises UnknownSender: (ii)
    :raises NonceRepeated: (iv)
    :raises VidOrder: an older version, or the same again
    :raises VersionFailedBefore: it was tried and failed
    """
    check_parties(trust, facts)
    check_news(memory, facts)


def check_parties(trust: trust_module.Trust, facts: Facts) -> None:
    """Refuse another recipient, (i), and an unknown sender, (ii).

    :raises NotForMe: (i)
    :raises KeyRevoked: (i) this VNF's key or (ii) the sender's
    :raises UnknownSender: (ii)
    """
    trust.check_addressed(facts.recipient_id, facts.position)
    trust.check_sender(facts.sender_id, facts.position, facts.cid,
                       facts.vid)


def check_news(memory: Memory, facts: Facts) -> None:
    """Refuse what is not new, (iv), and what failed here.

    :raises NonceRepeated: (iv)
    :raises VidOrder: an older version, or the same again
    :raises VersionFailedBefore: it was tried and failed
    """
    if facts.nonce == memory.last_nonce:
        raise errors.NonceRepeated(
            'The nonce is that of the last transaction.',
            txid=facts.txid.hex())
    if facts.txid in memory.failed:
        raise errors.VersionFailedBefore(
            'This version was tried here before and failed.',
            cid=facts.cid.hex(), vid=facts.vid)
    if facts.is_request:
        return
    highest = memory.highest_vids.get(facts.cid, 0)
    if facts.vid <= highest:
        raise errors.VidOrder(
            f'Version {facts.vid} does not follow version {highest}.',
            cid=facts.cid.hex(), vid=facts.vid, highest=highest)


def check_request(trust: trust_module.Trust, located: Located,
                  head_time_ms: int) -> None:
    """Refuse a request that this VNF cannot or need not answer.

    :param head_time_ms: time of the certified head: slots expire by it
    :raises NotForMe: a group was asked, and only its members exist
    :raises SlotClosed: the answer was due before
    """
    content = located.transaction.content
    assert isinstance(content, transaction_module.Request)
    if content.recipient_id not in trust.own_ids:
        raise errors.NotForMe('A request is for one VNF, not for a group.')
    if content.slot_expiry_ms <= head_time_ms:
        raise errors.SlotClosed(
            'The answer was due before.',
            slot_expiry_ms=content.slot_expiry_ms,
            head_time_ms=head_time_ms)


def check_personal(trust: trust_module.Trust, located: Located) -> None:
    """Refuse an order that must be sealed to the VNF key, but is to a group.

    :raises WrongPayload: a member of the group could have been meant by
        any other who holds the group's key
    """
    if located.transaction.content.recipient_id not in trust.own_ids:
        raise errors.WrongPayload(
            'Such an order is sealed to one VNF, never to a group.',
            txid=located.transaction.txid.hex())


def open_located(h: hashing.Hasher, provider: provider_module.Provider,
                 pairs: Mapping[bytes, suite_module.KeyPair],
                 located: Located,
                 content_key: bytes | None = None) -> Opened:
    """Return a configuration with its payload.

    :param pairs: the VNF's and its groups' key pairs by key id
    :param content_key: what a sealed reference says opens it
    :raises Undecryptable: none of the keys opens it
    :raises WrongContentKey: the key is not the one its sender stands for
    :raises WrongPayload: a request, or a payload of the wrong class
    :raises FormatError: what it opens to is not a payload
    """
    sent = located.transaction
    content = sent.content
    if not isinstance(content, transaction_module.Configuration):
        raise errors.WrongPayload('A request is not a configuration.',
                                  txid=sent.txid.hex())
    if not content.is_sealed:
        encoded = authoring.open_public_bytes(sent)
        return Opened(located, payload_module.decode_payload(
            encoded, sealed=False), encoded, None)
    if content_key is None:
        pair = (None if content.recipient_id is None
                else pairs.get(content.recipient_id))
        if pair is None:
            raise errors.Undecryptable(
                'The configuration is sealed to another key.',
                txid=sent.txid.hex())
        content_key = envelope.unwrap(pair, envelope.Role.RECIPIENT,
                                      content.wraps)
    encoded = authoring.open_bytes(h, sent, content_key, provider=provider)
    return Opened(located, payload_module.decode_payload(
        encoded, sealed=True), encoded, content_key)
