# SPDX-License-Identifier: Apache-2.0
"""The tenant's VNFs: registration, keys, retirement, bootstrap documents."""

from collections.abc import Sequence
import dataclasses
import time

from tacker_ledger.core.configuration import bootstrap
from tacker_ledger.core.configuration import console_block
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.tenant_client import console
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import groups as groups_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module
from tacker_ledger.tenant_client import receipts as receipts_module

_WELCOME = 'welcome'
_WAIT_SECONDS = 30


class Vnfs:
    """The VNFs in one tenant's inventory."""

    def __init__(self, context: context_module.Context,
                 groups: groups_module.Groups,
                 receipts: receipts_module.Receipts) -> None:
        self._context = context
        self._groups = groups
        self._receipts = receipts

    def list_all(self) -> list[inventory.Vnf]:
        """Return all VNFs by name."""
        vnfs = self._context.inventory.read().vnfs
        return [vnfs[name] for name in sorted(vnfs)]

    def find(self, name: str) -> inventory.Vnf:
        """Return a VNF by name or instance UUID.

        :raises NotFound: there is none
        """
        return self._context.inventory.read().vnf(name)

    def register(self, name: str, texts: Sequence[str],
                 instance_uuid: str = '', fingerprint: str = '',
                 replace: bool = False) -> inventory.Vnf:
        """Take a VNF's keys from its console, or from a file with a block.

        :param texts: what was read
        :param instance_uuid: which instance the name stands for; empty if
            the texts show only one
        :param fingerprint: key id in hex the VNF key must have, if known
        :param replace: take another key than the one known
        :raises Duplicate: another key is known for the name or instance
        :raises BadSignature: the texts show different keys, or another one
            than ``fingerprint``
        :raises NotFound: no valid key block
        """
        inventory.check_name(name)
        block = console.read(self._context.h, self._context.provider, texts,
                             instance_uuid)
        shown = block.vnf_key.key_id.hex()
        if fingerprint and fingerprint.replace(':', '').lower() != shown:
            raise errors.BadSignature(
                'The console shows another key than expected.',
                expected=fingerprint, shown=shown)
        with self._context.inventory.change() as contents:
            contents.vnfs[name] = self._merged(contents, name, block,
                                               replace)
            return contents.vnfs[name]

    @staticmethod
    def _merged(contents: inventory.Contents, name: str,
                block: console_block.ConsoleBlock, replace: bool
                ) -> inventory.Vnf:
        new = inventory.Vnf(name, block.instance_uuid, block.vnf_key,
                            block.receipt_key)
        known = contents.vnfs.get(name)
        for other in contents.vnfs.values():
            if other.name != name and (
                    block.vnf_key in other.keys
                    or block.receipt_key == other.receipt_key):
                raise errors.Duplicate(
                    f'This key is registered as {other.name} already.',
                    vnf=other.name)
        if known is None:
            return new
        if (known.key, known.receipt_key, known.instance_uuid) == (
                new.key, new.receipt_key, new.instance_uuid):
            return known
        if not replace:
            raise errors.Duplicate(
                f'The VNF {name} is known with another key or instance; '
                'it is replaced only when you ask for it.', vnf=name,
                known=known.key.key_id.hex(), shown=new.key.key_id.hex(),
                known_instance=known.instance_uuid,
                shown_instance=new.instance_uuid)
        former = known.former_keys
        if known.key != new.key:
            former = (*former, known.key)
        return dataclasses.replace(new, former_keys=former)

    def welcome(self, name: str, key: keys_module.Key, wait: bool = True
                ) -> context_module.Written:
        """Address a VNF's receipt key, which admits its receipts."""
        vnf = self._active(name)
        authored = self._context.sealed(
            key, payload_module.Welcome(_WELCOME),
            recipient=vnf.receipt_key)
        return self._context.send([authored.transaction], wait)[0]

    def _active(self, name: str) -> inventory.Vnf:
        vnf = self.find(name)
        if vnf.state != inventory.ACTIVE:
            raise errors.KeyRevoked(f'The VNF {vnf.name} is {vnf.state}.',
                                    vnf=vnf.name)
        return vnf

    # Keys

    def replace_key(self, name: str, key: keys_module.Key, suite: str = '',
                    order: str = '', wait: bool = True
                    ) -> context_module.Written:
        """Order a VNF to make a new key and announce it.

        The inventory changes when the announcement is adopted.
        """
        vnf = self._active(name)
        number = (suite_module.by_name(suite).number if suite
                  else vnf.key.suite)
        authored = self._context.sealed(
            key, payload_module.KeyReplacement(number, order),
            recipient=vnf.key)
        return self._context.send([authored.transaction], wait)[0]

    def adopt_key(self, name: str, key: keys_module.Key
                  ) -> inventory.Vnf | None:
        """Take over the key a VNF announced, if it has announced one.

        The announcement must be signed by the key it replaces; several in
        a row are followed one by one.

        :returns: the VNF as it is now; None if nothing was announced
        :raises BadSignature: an announcement by somebody else
        """
        vnf = self._active(name)
        current, former = vnf.key, list(vnf.former_keys)
        for receipt in self._receipts.list_all(vnf, key):
            announced = receipt.payload.announcement
            if announced is None or announced.document in (*former, current):
                continue
            announced.verify(self._context.provider, self._context.h,
                             current)
            former.append(current)
            current = announced.document
        if current == vnf.key:
            return None
        with self._context.inventory.change() as contents:
            changed = dataclasses.replace(
                contents.vnf(vnf.name), key=current,
                former_keys=tuple(former))
            contents.vnfs[vnf.name] = changed
        return changed

    def await_key(self, name: str, key: keys_module.Key,
                  timeout_seconds: float = 0.0) -> inventory.Vnf:
        """Adopt the key a VNF announces, waiting for it if need be.

        :raises NotFound: nothing was announced in time
        """
        ends = time.monotonic() + timeout_seconds
        while True:
            changed = self.adopt_key(name, key)
            if changed is not None:
                return changed
            left = ends - time.monotonic()
            if left <= 0:
                raise errors.NotFound(f'The VNF {name} has announced no '
                                      'new key.')
            self._context.ledger.wait_for_change(
                [identifiers.pair_state_key(
                    self._context.h, key.key_id,
                    self.find(name).receipt_key.key_id)],
                max(1, min(_WAIT_SECONDS, int(left))))

    def retirement(self, vnf: inventory.Vnf, key: keys_module.Key,
                   reason: str) -> context_module.authoring.Authored:
        """Return the transaction that retires a VNF's key, not sent yet."""
        return self._context.sealed(
            key, payload_module.TrustChange(payload_module.RetireVnf(
                vnf.key.key_id, reason)), recipient=vnf.key)

    def revoke(self, name: str, key: keys_module.Key, reason: str = '',
               wait: bool = True) -> list[context_module.Written]:
        """Retire a VNF's key: it is told, marked, and its groups re-keyed.

        The groups first: what a stolen VNF must not read any more matters
        more than what it is told.
        """
        vnf = self.find(name)
        told = self.forget(vnf.name, inventory.REVOKED, key, reason,
                           wait=wait)
        authored = self.retirement(vnf, key, reason)
        return [*told,
                *self._context.send([authored.transaction], wait)]

    def forget(self, name: str, state: str, key: keys_module.Key,
               note: str = '', successor: str = '', wait: bool = True
               ) -> list[context_module.Written]:
        """Mark a VNF and re-key its groups without it; repeatable.

        :param state: what it becomes in the inventory
        :param successor: a VNF which takes its place in the groups
        """
        with self._context.inventory.change() as contents:
            vnf = contents.vnf(name)
            self._groups.rekey(contents, vnf.name, successor)
            contents.vnfs[vnf.name] = dataclasses.replace(
                vnf, state=state, note=note)
        written = []
        for group in self._groups.list_all():
            if group.pending:
                written += self._groups.tell(group.name, key, wait)
        return written

    # Bootstrap

    def bootstrap(self, *, commanders: Sequence[suite_module.KeyDocument],
                  references: Sequence[suite_module.KeyDocument] = (),
                  allow_unpinned_references: bool = False,
                  recovery_key_id: bytes | None = None,
                  interval_seconds: float = 60.0, instance_uuid: str
                  ) -> bootstrap.Bootstrap:
        """Return what an agent needs at its first start.

        Its floor is the newest head that this client has proven.

        :raises BadDocument: it would contradict itself
        """
        ledger = self._context.ledger
        head = ledger.head()
        document = bootstrap.Bootstrap(
            chain_id=ledger.chain_id,
            federation=ledger.signed_federation(),
            floor=bootstrap.Floor(head.height, head.header_digest,
                                  head.time_ms),
            nodes=tuple(bootstrap.Node(url, member)
                        for url, member in ledger.nodes()),
            ca=self._context.profile.ca_pem or '',
            commanders=tuple(commanders), references=tuple(references),
            allow_unpinned_references=allow_unpinned_references,
            recovery_key_id=recovery_key_id,
            interval_seconds=interval_seconds, instance_uuid=instance_uuid)
        return bootstrap.parse(document.to_json())
