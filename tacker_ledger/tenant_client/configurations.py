# SPDX-License-Identifier: Apache-2.0
"""Configurations: create, update, read back, compare, refresh, withdraw."""

from collections.abc import Sequence
import dataclasses
import difflib

from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import addressed
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module
from tacker_ledger.tenant_client import references
from tacker_ledger.tenant_client import templates as templates_module


@dataclasses.dataclass(frozen=True, slots=True)
class References:
    """What a version refers to, as users write it; None keeps the former.

    :param before, after: on the chain, for everybody to see
    :param sealed_before, sealed_after: in the payload, for its readers
    """

    before: Sequence[str] | None = None
    after: Sequence[str] | None = None
    sealed_before: Sequence[str] | None = None
    sealed_after: Sequence[str] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Update:
    """A reference of a configuration, compared with the chain.

    :param list_name: ``apply-before`` or ``apply-after``
    :param newest_vid: of the referenced CID
    :param notice: reason of a withdrawal that covers the version used
    """

    list_name: str
    reference: identifiers.Reference
    newest_vid: int
    newest_txid: bytes
    notice: str

    @property
    def available(self) -> bool:
        """Whether there is a newer version than the one referred to."""
        return (self.reference.vid is not None
                and self.newest_vid > self.reference.vid)


class Configurations:
    """The configurations of one tenant."""

    def __init__(self, context: context_module.Context,
                 templates: templates_module.Templates) -> None:
        self._context = context
        self._templates = templates

    # Writing

    def create(self, key: keys_module.Key,
               recipient: suite_module.KeyDocument, *, applier: str,
               target: str, data: bytes, name: str = '',
               description: str = '', refers: References | None = None,
               wait: bool = True) -> context_module.Written:
        """Publish version 1 of a new configuration.

        :param recipient: the VNF's or the group's key
        :param name: for the inventory; the chain does not see it
        :param description: everybody sees it
        :raises Duplicate: another configuration has that name
        """
        if name:
            inventory.check_name(name)
            self._context.check_free(self._context.inventory.read(), name)
        refers = refers or References()
        authored = self._context.sealed(
            key, payload_module.Configuration(
                applier, target, data, self._sealed(refers.sealed_before),
                self._sealed(refers.sealed_after)),
            recipient=recipient, description=description,
            apply_before=self._public(refers.before),
            apply_after=self._public(refers.after))
        if name:
            self._context.name(authored.transaction.content.cid, name)
        return self._context.send([authored.transaction], wait)[0]

    def update(self, cid: bytes, *, data: bytes | None = None,
               applier: str | None = None, target: str | None = None,
               recipient: suite_module.KeyDocument | None = None,
               description: str | None = None,
               refers: References | None = None,
               expected_vid: int | None = None,
               wait: bool = True) -> context_module.Written:
        """Publish the next version; what is not given stays as it was.

        :param expected_vid: the version the change was made from
        :raises VidConflict: somebody else has published since then
        """
        refers = refers or References()
        newest = self.read(cid)
        payload, content = newest.payload, newest.content
        assert isinstance(payload, payload_module.Configuration)
        if expected_vid is not None and content.vid != expected_vid:
            raise errors.VidConflict(
                f'Version {content.vid} is the newest by now, not '
                f'{expected_vid}: look at it before you go on.',
                newest=content.vid, expected=expected_vid)
        changed = dataclasses.replace(
            payload,
            applier=payload.applier if applier is None else applier,
            target=payload.target if target is None else target,
            data=payload.data if data is None else data)
        if refers.sealed_before is not None:
            changed = dataclasses.replace(
                changed, sealed_before=self._sealed(refers.sealed_before))
        if refers.sealed_after is not None:
            changed = dataclasses.replace(
                changed, sealed_after=self._sealed(refers.sealed_after))
        return self._next_version(
            newest, changed, recipient,
            content.description if description is None else description,
            content.apply_before if refers.before is None
            else self._public(refers.before),
            content.apply_after if refers.after is None
            else self._public(refers.after), wait)

    def _next_version(self, newest: context_module.Opened,
                      payload: payload_module.Configuration,
                      recipient: suite_module.KeyDocument | None,
                      description: str,
                      before: Sequence[identifiers.Reference],
                      after: Sequence[identifiers.Reference], wait: bool
                      ) -> context_module.Written:
        cid = newest.content.cid
        key, record = self._context.owner_of(cid)
        if record.latest_vid != newest.content.vid:
            raise errors.VidConflict(
                f'Version {record.latest_vid} was published meanwhile.',
                newest=record.latest_vid)
        authored = self._context.sealed(
            key, payload, recipient=recipient or self._same(newest), cid=cid,
            vid=record.next_vid, description=description,
            apply_before=before, apply_after=after)
        return self._context.send([authored.transaction], wait)[0]

    def _same(self, newest: context_module.Opened
              ) -> suite_module.KeyDocument:
        """Return the present key of whom the newest version went to.

        A VNF may have replaced its key and a group moved to a new epoch.
        """
        recipient_id = newest.content.recipient_id
        assert recipient_id is not None
        label = self._context.recipient_keys().get(recipient_id, '')
        kind, _, name = label.partition(':')
        if kind == 'vnf':
            return self._context.recipient(vnf=name)
        if kind == 'group':
            return self._context.recipient(group=name)
        raise errors.NotFound(
            'The key that the newest version went to is not in the '
            'inventory: name a VNF or a group.',
            recipient=recipient_id.hex())

    def _public(self, texts: Sequence[str] | None
                ) -> tuple[identifiers.Reference, ...]:
        return tuple(references.resolve(self._context, text)
                     for text in texts or ())

    def _sealed(self, texts: Sequence[str] | None
                ) -> tuple[payload_module.SealedReference, ...]:
        return tuple(references.resolve_sealed(self._context, text)
                     for text in texts or ())

    def withdraw(self, cid: bytes, *,
                 recipient: suite_module.KeyDocument | None = None,
                 wait: bool = True) -> context_module.Written:
        """Order the VNF or group to remove a configuration.

        :param recipient: None for whom the newest version went to
        """
        newest = self.read(cid)
        key, _record = self._context.owner_of(cid)
        authored = self._context.sealed(
            key, payload_module.Withdrawal(cid),
            recipient=recipient or self._same(newest))
        return self._context.send([authored.transaction], wait)[0]

    # Reading

    def read(self, cid: bytes, vid: int | None = None
             ) -> context_module.Opened:
        """Return one version, opened.

        :param vid: None for the newest
        :raises NotFound: no such CID or version
        :raises Undecryptable: none of the tenant's keys opens it
        :raises WrongPayload: it is no configuration
        """
        opened = self._context.open(
            references.version(self._context, cid, vid))
        if not isinstance(opened.payload, payload_module.Configuration):
            raise errors.WrongPayload(
                f'The CID {cid.hex()} is a '
                f'{kind_of(opened.payload)}, not a configuration.',
                kind=kind_of(opened.payload))
        return opened

    def history(self, cid: bytes) -> list[context_module.Opened]:
        """Return every version of a CID, oldest first, complete by proof."""
        history = self._context.ledger.cid_history(cid)
        if not history:
            raise errors.NotFound(f'The chain has no CID {cid.hex()}.',
                                  cid=cid.hex())
        return [self._context.open(placed) for placed in history
                if isinstance(placed.transaction.content,
                              transaction_module.Configuration)]

    def list_all(self, *, vnf: str = '', group: str = ''
                 ) -> list[context_module.Opened]:
        """Return the newest version of each configuration of the tenant's.

        :param vnf, group: only what was sent to it and is not withdrawn:
            complete by proof. Without, every configuration that the nodes'
            indexes know for the tenant's keys.
        """
        if vnf:
            return self._newest(addressed.addressed_to(
                self._context, self._context.inventory.read().vnf(vnf),
                self._context.keys.list_all(keys_module.TENANT)))
        if group:
            found = self._context.inventory.read().group(group)
            opened = []
            for key in self._context.keys.list_all(keys_module.TENANT):
                opened += addressed.sent(
                    self._context,
                    [document.key_id for document in found.keys], key)
            return self._newest(sorted(
                opened, key=lambda item: item.placed.place))
        return self._newest(self._published())

    def _published(self) -> list[context_module.Opened]:
        """Return what the tenant's keys published, by the nodes' indexes."""
        cids: set[bytes] = set()
        for key in self._context.keys.list_all(keys_module.TENANT):
            for row in self._context.ledger.search(
                    sender=key.key_id.hex(),
                    type=transaction_module.TYPE_CONFIGURATION):
                cids.add(bytes.fromhex(row['cid']))
        cids.update(bytes.fromhex(cid) for cid
                    in self._context.inventory.read().names)
        found = []
        for placed in self._context.ledger.newest_versions(sorted(cids)):
            if not isinstance(placed.transaction.content,
                              transaction_module.Configuration):
                continue
            try:
                found.append(self._context.open(placed))
            except errors.AuthenticityError:
                # Named in the inventory, but another tenant's.
                continue
        return sorted(found, key=lambda item: item.placed.place)

    @staticmethod
    def _newest(items: Sequence[context_module.Opened]
                ) -> list[context_module.Opened]:
        newest: dict[bytes, context_module.Opened] = {}
        for item in items:
            if isinstance(item.payload, payload_module.Withdrawal):
                newest.pop(item.payload.cid, None)
            elif isinstance(item.payload, payload_module.Configuration):
                newest.pop(item.content.cid, None)
                newest[item.content.cid] = item
        return list(newest.values())

    def diff(self, cid: bytes, old_vid: int, new_vid: int) -> str:
        """Return a unified diff of two versions' data; empty if equal.

        Data that is not text is compared by its hexadecimal digits.
        """
        old, new = self.read(cid, old_vid), self.read(cid, new_vid)
        return ''.join(difflib.unified_diff(
            _lines(old), _lines(new), f'version {old_vid}',
            f'version {new_vid}'))

    # Refreshing

    def updates(self, cid: bytes) -> list[Update]:
        """Compare what the newest version refers to with the chain."""
        content = self.read(cid).content
        found = []
        for list_name, listed in (('apply-before', content.apply_before),
                                  ('apply-after', content.apply_after)):
            for reference in listed:
                placed = references.version(self._context, reference.cid,
                                            None)
                found.append(Update(
                    list_name, reference, placed.transaction.content.vid,
                    placed.transaction.txid,
                    self._templates.notice(placed.transaction.sender_id,
                                           reference.cid, reference.vid)))
        return found

    def refresh(self, cid: bytes, wait: bool = True
                ) -> context_module.Written | None:
        """Publish a version that refers to the newest versions, pinned.

        :returns: None if nothing newer is there
        """
        updates = self.updates(cid)
        if not any(update.available for update in updates):
            return None
        newest = self.read(cid)
        payload = newest.payload
        assert isinstance(payload, payload_module.Configuration)

        def listed(name: str) -> list[identifiers.Reference]:
            return [
                identifiers.Reference(update.reference.cid,
                                      update.newest_vid, update.newest_txid)
                if update.available else update.reference
                for update in updates if update.list_name == name]

        return self._next_version(
            newest, payload, None, newest.content.description,
            listed('apply-before'), listed('apply-after'), wait)


def kind_of(payload: payload_module.Payload) -> str:
    """Return what a payload is, in the words of users."""
    name = type(payload).__name__
    return ''.join(('-' if char.isupper() and index else '') + char.lower()
                   for index, char in enumerate(name))


def _lines(opened: context_module.Opened) -> list[str]:
    payload = opened.payload
    assert isinstance(payload, payload_module.Configuration)
    try:
        text = payload.data.decode('utf-8')
    except UnicodeDecodeError:
        digits = payload.data.hex()
        return [digits[start:start + 64] + '\n'
                for start in range(0, len(digits), 64)]
    return [line if line.endswith('\n') else line + '\n'
            for line in text.splitlines(keepends=True)]
