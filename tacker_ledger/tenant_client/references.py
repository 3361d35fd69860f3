# SPDX-License-Identifier: Apache-2.0
"""References as users write them: ``CID[:VID][@latest|@exact|@pinned]``.

``CID`` is a name in the inventory or 32 hexadecimal digits.

================  =====================================================
``CID``           the newest version now, pinned by its transaction id
``CID:VID``       that version, pinned
``CID:VID@exact`` that version, by number only
``CID@latest``    the newest when a VNF's plan is made; a VNF takes it
                  from its commanders, from others only if it opted in
================  =====================================================
"""

import re

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import identifiers
from tacker_ledger.core.ledger import payload as payload_module
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import context as context_module

_REFERENCE = re.compile(
    r'([A-Za-z0-9][A-Za-z0-9._-]{0,63})(?::(\d{1,10}))?'
    r'(?:@(latest|exact|pinned))?\Z')


def split(text: str) -> tuple[str, int | None, str]:
    """Return (name or CID, VID or None, mode) of a written reference.

    :raises BadOption: it is not written as above
    """
    match = _REFERENCE.match(text.strip())
    if match is None:
        raise errors.BadOption(
            f'{text!r} is not CID[:VID][@latest|@exact|@pinned].')
    vid = int(match[2]) if match[2] else None
    mode = match[3] or 'pinned'
    if vid is not None and not 1 <= vid <= identifiers.VID_MAX:
        raise errors.BadOption(f'{text!r}: there is no such version.')
    if (mode == 'latest') == (vid is not None) and mode != 'pinned':
        raise errors.BadOption(
            f'{text!r}: a version goes with exact and pinned, not with '
            'latest.')
    return match[1], vid, mode


def resolve(context: context_module.Context, text: str
            ) -> identifiers.Reference:
    """Return the reference that a user means, checked on the chain.

    :raises BadOption: not written as above
    :raises NotFound: no such name, CID or version
    """
    name, vid, mode = split(text)
    cid = context.cid_of(name)
    if mode == 'latest':
        if context.ledger.cid(cid) is None:
            raise errors.NotFound(f'The chain has no CID {cid.hex()}.')
        return identifiers.Reference(cid)
    placed = version(context, cid, vid)
    content = placed.transaction.content
    digest = placed.transaction.txid if mode == 'pinned' else None
    return identifiers.Reference(cid, content.vid, digest)


def resolve_sealed(context: context_module.Context, text: str
                   ) -> payload_module.SealedReference:
    """Return a reference that only the readers of a payload see.

    :raises BadOption: not written as above, or not pinned
    :raises NotFound: no such name, CID or version
    :raises Undecryptable: the version cannot be opened here, so no reader
        could be given its key
    """
    name, vid, mode = split(text)
    if mode != 'pinned':
        raise errors.BadOption(f'{text!r}: a sealed reference is pinned.')
    placed = version(context, context.cid_of(name), vid)
    opened = context.open(placed)
    content = placed.transaction.content
    return payload_module.SealedReference(
        content.cid, content.vid, placed.transaction.txid,
        opened.content_key)


def version(context: context_module.Context, cid: bytes, vid: int | None
            ) -> context_module.ledger_module.Placed:
    """Return one version of a configuration by the CID's proven history.

    :param vid: None for the newest
    :raises NotFound: there is no such version
    """
    history = [
        placed for placed in context.ledger.cid_history(cid)
        if isinstance(placed.transaction.content,
                      transaction_module.Configuration)]
    if vid is None and history:
        return history[-1]
    for placed in history:
        if placed.transaction.content.vid == vid:
            return placed
    what = f'version {vid} of ' if vid is not None else ''
    raise errors.NotFound(f'The chain has no {what}CID {cid.hex()}.',
                          cid=cid.hex())
