# SPDX-License-Identifier: Apache-2.0
"""What every part of the tenant client works with: keys, chain, inventory.

:class:`Context` authors and publishes.  A new version takes the VID that
the *proven* state names as next, so two clients of one tenant cannot
overwrite each other: the second one's write is refused with
``vid-conflict`` and says what happened.
"""

from collections.abc import Sequence
import dataclasses
import time

from tacker_ledger.core.crypto import envelope
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.core.ledger import authoring
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import state_records
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import inventory as inventory_module
from tacker_ledger.tenant_client import keys as keys_module
from tacker_ledger.tenant_client import ledger as ledger_module
from tacker_ledger.tenant_client import profile as profile_module
from tacker_ledger.tenant_client import sender as sender_module
from tacker_ledger.tenant_client import store as store_module


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What became of one write.

    :param proven: its place on the chain; None if it was not waited for
    """

    transaction: transaction_module.Transaction
    proven: ledger_module.Proven | None

    @property
    def cid(self) -> bytes:
        """16 bytes."""
        return self.transaction.content.cid

    @property
    def vid(self) -> int:
        """From 1."""
        return self.transaction.content.vid

    @property
    def txid(self) -> bytes:
        """32 bytes."""
        return self.transaction.txid


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A transaction and what is in it.

    :param placed: the transaction and its place
    :param encoded: the payload's bytes
    :param content_key: None for what is public
    """

    placed: ledger_module.Placed
    payload: payload_module.Payload
    encoded: bytes = dataclasses.field(repr=False)
    content_key: bytes | None = dataclasses.field(repr=False)

    @property
    def transaction(self) -> transaction_module.Transaction:
        """The transaction."""
        return self.placed.transaction

    @property
    def content(self) -> transaction_module.Configuration:
        """Its content; a payload is only in a configuration."""
        content = self.placed.transaction.content
        assert isinstance(content, transaction_module.Configuration)
        return content


class Context:
    """One tenant's keys on one chain."""

    def __init__(self, store: store_module.Store,
                 profile: profile_module.Profile,
                 keys: keys_module.KeyRing,
                 inventory: inventory_module.Inventory,
                 ledger: ledger_module.Ledger,
                 sender: sender_module.Sender) -> None:
        self.store = store
        self.profile = profile
        self.keys = keys
        self.inventory = inventory
        self.ledger = ledger
        self.sender = sender

    @property
    def h(self) -> hashing.Hasher:
        """Of the chain."""
        return self.ledger.h

    @property
    def provider(self) -> provider_module.Provider:
        """Of cryptography."""
        return self.profile.provider

    @staticmethod
    def now_ms() -> int:
        """The wall clock."""
        return time.time_ns() // 1_000_000

    # Authoring

    def sealed(self, key: keys_module.Key,
               payload: payload_module.PrivatePayload, *,
               recipient: suite_module.KeyDocument | None = None,
               recipient_id: bytes | None = None,
               cid: bytes | None = None, vid: int = 1,
               description: str = '',
               apply_before: Sequence[identifiers.Reference] = (),
               apply_after: Sequence[identifiers.Reference] = ()
               ) -> authoring.Authored:
        """Return a sealed transaction of the tenant's, not sent yet."""
        return authoring.author_configuration(
            self.h, self.provider, self.keys.pair(key), vid=vid,
            payload=payload, timestamp_ms=self.now_ms(),
            nonce=self.provider.random_bytes(identifiers.NONCE_BYTES),
            content_key=self.provider.random_bytes(
                envelope.CONTENT_KEY_BYTES),
            cid=cid, recipient=recipient, recipient_id=recipient_id,
            recovery=self.profile.recovery, auditor=self.profile.auditor,
            description=description, apply_before=apply_before,
            apply_after=apply_after)

    def public(self, key: keys_module.Key,
               payload: payload_module.PublicPayload, *,
               cid: bytes | None = None, vid: int = 1,
               description: str = '',
               apply_before: Sequence[identifiers.Reference] = (),
               apply_after: Sequence[identifiers.Reference] = ()
               ) -> transaction_module.Transaction:
        """Return a public transaction of the tenant's, not sent yet."""
        return authoring.author_public(
            self.h, self.keys.pair(key), vid=vid, payload=payload,
            timestamp_ms=self.now_ms(),
            nonce=self.provider.random_bytes(identifiers.NONCE_BYTES),
            cid=cid, description=description, apply_before=apply_before,
            apply_after=apply_after)

    def send(self, transactions: Sequence[transaction_module.Transaction],
             wait: bool = True) -> list[Written]:
        """Hand transactions over; with ``wait``, until they are proven.

        :raises VidConflict: somebody else wrote that version first
        :raises Timeout: not proven in time; sending the same bytes again
            does no harm
        """
        self.sender.submit(transactions)
        if not wait:
            return [Written(item, None) for item in transactions]
        return [Written(item, self.sender.wait_for(item))
                for item in transactions]

    # Reading back

    def owner_of(self, cid: bytes) -> tuple[keys_module.Key,
                                            state_records.CidRecord]:
        """Return the tenant's key that owns a CID, and the CID's state.

        :raises NotFound: no such CID on the chain
        :raises NotOwner: it is somebody else's
        """
        record = self.ledger.cid(cid)
        if record is None:
            raise errors.NotFound(f'The chain has no CID {cid.hex()}.',
                                  cid=cid.hex())
        for key in self.keys.list_all(keys_module.TENANT):
            if key.key_id == record.owner_id:
                return key, record
        raise errors.NotOwner(f'The CID {cid.hex()} is owned by a key that '
                              'is not in this keystore.', cid=cid.hex(),
                              owner=record.owner_id.hex())

    def open(self, placed: ledger_module.Placed) -> Opened:
        """Return what a transaction says to this tenant.

        As its author, its recipient, or by a recovery or auditor key.

        :raises Undecryptable: it is sealed and none of the keys opens it
        :raises WrongPayload: it is a request
        """
        transaction = placed.transaction
        content = transaction.content
        if (not isinstance(content, transaction_module.Configuration)
                or not content.is_sealed):
            encoded = authoring.open_public_bytes(transaction)
            return Opened(placed, payload_module.decode_payload(
                encoded, sealed=False), encoded, None)
        for key, role in self._readers(transaction):
            try:
                return self.open_with(placed, envelope.unwrap(
                    self.keys.pair(key), role, content.wraps))
            except errors.Undecryptable:
                continue
        raise errors.Undecryptable(
            f'None of the keys here opens {transaction.txid.hex()}.',
            txid=transaction.txid.hex())

    def open_with(self, placed: ledger_module.Placed, content_key: bytes
                  ) -> Opened:
        """Return what a sealed transaction says, by its content key.

        :raises AuthenticityError: not its key
        :raises FormatError: what it opens to is no payload
        """
        encoded = authoring.open_bytes(
            self.h, placed.transaction, content_key, provider=self.provider)
        return Opened(placed, payload_module.decode_payload(
            encoded, sealed=True), encoded, content_key)

    def _readers(self, transaction: transaction_module.Transaction
                 ) -> list[tuple[keys_module.Key, envelope.Role]]:
        found: list[tuple[keys_module.Key, envelope.Role]] = []
        for key in self.keys.list_all():
            if key.key_id == transaction.sender_id:
                found.insert(0, (key, envelope.Role.AUTHOR))
            elif key.key_id == transaction.content.recipient_id:
                found.insert(0, (key, envelope.Role.RECIPIENT))
            elif key.kind == keys_module.RECOVERY:
                found.append((key, envelope.Role.RECOVERY))
            elif key.kind == keys_module.AUDITOR:
                found.append((key, envelope.Role.AUDITOR))
        return found

    # Names

    def cid_of(self, text: str) -> bytes:
        """Return the CID that a user names: by name, or in hex.

        :raises NotFound: no such name
        """
        text = text.strip()
        for cid, name in self.inventory.read().names.items():
            if name == text:
                return bytes.fromhex(cid)
        try:
            return identifiers.parse_hex(text.lower(),
                                         identifiers.CID_BYTES)
        except errors.BadOption:
            raise errors.NotFound(
                f'{text!r} is neither a name in the inventory nor a CID '
                '(32 hexadecimal digits).') from None

    def name(self, cid: bytes, name: str) -> None:
        """Give a CID a name in the inventory.

        :raises Duplicate: another CID has that name
        """
        inventory_module.check_name(name)
        with self.inventory.change() as contents:
            self.check_free(contents, name, cid)
            contents.names[cid.hex()] = name

    @staticmethod
    def check_free(contents: inventory_module.Contents, name: str,
                   cid: bytes | None = None) -> None:
        """Refuse a name that another CID has.

        :raises Duplicate: it has
        """
        for other, taken in contents.names.items():
            if taken == name and (cid is None or other != cid.hex()):
                raise errors.Duplicate(
                    f'The name {name!r} stands for {other} already.',
                    cid=other)

    def recipient(self, *, vnf: str = '', group: str = ''
                  ) -> suite_module.KeyDocument:
        """Return the key that configurations for a VNF or group go to.

        :raises BadOption: none or both are named, or the VNF is retired
        :raises NotFound: no such VNF or group
        """
        if bool(vnf) == bool(group):
            raise errors.BadOption('Name either a VNF or a group.')
        contents = self.inventory.read()
        if group:
            return contents.group(group).key
        found = contents.vnf(vnf)
        if found.state != inventory_module.ACTIVE:
            raise errors.KeyRevoked(
                f'The VNF {found.name} is {found.state}.', vnf=found.name)
        return found.key

    def recipient_keys(self) -> dict[bytes, str]:
        """Return the label of every key configurations ever went to."""
        contents = self.inventory.read()
        found: dict[bytes, str] = {}
        for vnf in contents.vnfs.values():
            for document in vnf.keys:
                found[document.key_id] = f'vnf:{vnf.name}'
        for group in contents.groups.values():
            for document in group.keys:
                found[document.key_id] = f'group:{group.name}'
        return found
