# SPDX-License-Identifier: Apache-2.0
"""Templates: public configurations that a vendor answers for.

A template's versions are one CID's history, complete by proof.  Withdrawal
notices are transactions of their own, so that they never become anybody's
*latest* version; they are found by the nodes' indexes, several of which are
asked so that no single one can hide them.  A notice is shown and nothing
else: what a VNF runs changes only by its tenant's act.
"""

import dataclasses

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import inventory
from tacker_ledger.tenant_client import keys as keys_module
from tacker_ledger.tenant_client import references


@dataclasses.dataclass(frozen=True, slots=True)
class TemplateView:
    """One version of a template.

    :param notices: reasons of withdrawals that cover this version
    """

    opened: context_module.Opened
    payload: payload_module.Template
    notices: tuple[str, ...]


class Templates:
    """Templates, of this vendor and of others."""

    def __init__(self, context: context_module.Context) -> None:
        self._context = context

    def publish(self, key: keys_module.Key, *, applier: str, target: str,
                data: bytes, vendor: str, version_label: str = '',
                name: str = '', description: str = '',
                cid: bytes | None = None, wait: bool = True
                ) -> context_module.Written:
        """Publish a new template, or the next version of one.

        :param cid: None for a new template
        :raises NotOwner: the template is somebody else's
        """
        vid = 1
        if cid is not None:
            key, record = self._context.owner_of(cid)
            vid = record.next_vid
        elif name:
            inventory.check_name(name)
            self._context.check_free(self._context.inventory.read(), name)
        transaction = self._context.public(
            key, payload_module.Template(applier, target, data, vendor,
                                         version_label),
            cid=cid, vid=vid, description=description)
        if name:
            self._context.name(transaction.content.cid, name)
        return self._context.send([transaction], wait)[0]

    def withdraw(self, cid: bytes, *, first_vid: int = 1,
                 last_vid: int | None = None, reason: str = '',
                 wait: bool = True) -> context_module.Written:
        """Publish a notice that versions should not be used any more.

        :param last_vid: None for the newest version
        :raises NotOwner: the template is somebody else's
        """
        key, record = self._context.owner_of(cid)
        self.read(cid)
        last_vid = record.latest_vid if last_vid is None else last_vid
        if not 1 <= first_vid <= last_vid <= record.latest_vid:
            raise errors.BadOption(
                f'Versions {first_vid} to {last_vid} are not among 1 to '
                f'{record.latest_vid}.')
        transaction = self._context.public(
            key, payload_module.TemplateWithdrawal(cid, first_vid, last_vid,
                                                   reason))
        return self._context.send([transaction], wait)[0]

    def read(self, cid: bytes, vid: int | None = None) -> TemplateView:
        """Return one version of a template.

        :param vid: None for the newest
        :raises NotFound: no such CID or version
        :raises WrongPayload: it is no template
        """
        opened = self._context.open(
            references.version(self._context, cid, vid))
        if not isinstance(opened.payload, payload_module.Template):
            raise errors.WrongPayload(
                f'The CID {cid.hex()} is no template.', cid=cid.hex())
        return _view(opened, self._withdrawals(opened.transaction.sender_id))

    def list_all(self, sender_id: bytes | None = None) -> list[TemplateView]:
        """Return the newest version of each template, by the indexes.

        :param sender_id: only those of one vendor's key
        """
        filters: dict[str, str | int] = {
            'type': transaction_module.TYPE_CONFIGURATION}
        if sender_id is not None:
            filters['sender'] = sender_id.hex()
        cids = {bytes.fromhex(row['cid'])
                for row in self._context.ledger.search(**filters)
                if not row.get('recipient')}
        found = []
        notices: dict[bytes, list[payload_module.TemplateWithdrawal]] = {}
        for placed in self._context.ledger.newest_versions(sorted(cids)):
            content = placed.transaction.content
            if (not isinstance(content, transaction_module.Configuration)
                    or content.is_sealed):
                continue
            try:
                opened = self._context.open(placed)
            except (errors.FormatError, errors.DecisionError):
                continue
            if isinstance(opened.payload, payload_module.Template):
                vendor = placed.transaction.sender_id
                if vendor not in notices:
                    notices[vendor] = self._withdrawals(vendor)
                found.append(_view(opened, notices[vendor]))
        return found

    def notice(self, sender_id: bytes, cid: bytes, vid: int | None) -> str:
        """Return the reason why a vendor withdrew a version, else nothing.

        :param vid: None for the newest: no notice is about that
        """
        if vid is None:
            return ''
        return '; '.join(_reasons(self._withdrawals(sender_id), cid, vid))

    def _withdrawals(self, sender_id: bytes
                     ) -> list[payload_module.TemplateWithdrawal]:
        rows = self._context.ledger.search(
            sender=sender_id.hex(),
            type=transaction_module.TYPE_CONFIGURATION)
        found: list[payload_module.TemplateWithdrawal] = []
        for row in rows:
            if row.get('recipient'):
                continue
            proven = self._context.ledger.transaction(
                bytes.fromhex(row['txid']))
            if proven is None or proven.transaction.sender_id != sender_id:
                continue
            try:
                opened = self._context.open(proven.placed)
            except (errors.FormatError, errors.DecisionError):
                continue
            if isinstance(opened.payload,
                          payload_module.TemplateWithdrawal):
                found.append(opened.payload)
        return found


def _view(opened: context_module.Opened,
          withdrawals: list[payload_module.TemplateWithdrawal]
          ) -> TemplateView:
    assert isinstance(opened.payload, payload_module.Template)
    content = opened.content
    return TemplateView(opened, opened.payload, tuple(
        _reasons(withdrawals, content.cid, content.vid)))


def _reasons(withdrawals: list[payload_module.TemplateWithdrawal],
             cid: bytes, vid: int) -> list[str]:
    return [item.reason or 'withdrawn' for item in withdrawals
            if item.cid == cid and item.first_vid <= vid <= item.last_vid]
