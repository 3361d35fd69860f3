# SPDX-License-Identifier: Apache-2.0
"""What a member sends that wants to wear the others out (S13)."""

import asyncio
import os
import secrets
import struct
from typing import TYPE_CHECKING

from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.core import limits

if TYPE_CHECKING:
    from tacker_ledger.tests.functional.faults import byzantine_node

_TICK_SECONDS = 0.02
_MIB = 1024 * 1024


async def flood(tongue: 'byzantine_node.Tongue', kind: str,
                per_second: int) -> None:
    """Send until cancelled.

    :param kind: ``garbage``, ``huge`` or ``spam``
    :param per_second: frames to each member; of huge ones one a tick
    """
    per_tick = max(1, int(per_second * _TICK_SECONDS))
    number = 0
    while True:
        for member in tongue.node.hub.members_up():
            if kind == 'huge':
                _huge(tongue, member, number)
                continue
            for _ in range(per_tick):
                number += 1
                frame = (os.urandom(1 + secrets.randbelow(2000))
                         if kind == 'garbage' else _spam(tongue, number))
                tongue.speak(member, frame)
        number += 1
        await asyncio.sleep(_TICK_SECONDS)


def _huge(tongue: 'byzantine_node.Tongue', member: int, number: int) -> None:
    """Bytes of no frame that may be, or of the largest that may."""
    link = tongue.node.hub._links.get(member)
    transport = link and link._transport
    if not transport or transport.get_write_buffer_size() > 4 * _MIB:
        return
    match number % 3:
        case 0:   # announced, never to be sent
            data = struct.pack('>I', 2 ** 32 - 1) + bytes(1000)
        case 1:   # the largest frame, of nothing
            data = struct.pack('>I', limits.FRAME_MAX_BYTES) + bytes(
                limits.FRAME_MAX_BYTES)
        case _:   # begun, never finished
            data = struct.pack('>I', limits.FRAME_MAX_BYTES) + bytes(_MIB)
    tongue.flooded += 1
    transport.write(data)


def _spam(tongue: 'byzantine_node.Tongue', number: int) -> bytes:
    """Messages of the right form, signed well, of use to nobody."""
    node = tongue.node
    height = node.application.head.height + 1
    view = node.consensus.engine.view
    digest = os.urandom(32)
    match number % 8:
        case 0 | 1:
            kind = (messages.Prepare, messages.Commit)[number % 2]
            return messages.encode(kind(
                height, view + number % 3, tongue.member, digest[:8],
                tongue.sign(messages.vote_message(
                    tongue.h, kind.KIND, height, view + number % 3,
                    digest))))
        case 2:   # from the future
            return messages.encode(messages.Commit(
                height + 1 + number % 1000, view, tongue.member, digest[:8],
                tongue.sign(digest)))
        case 3:
            head = node.application.head
            unsigned = messages.ViewChange(
                height, view + 1 + number, tongue.member,
                messages.head_pair(head.header, head.certificate), None,
                bytes(messages.SIGNATURE_BYTES))
            return messages.encode(messages.ViewChange(
                *unsigned.fields()[:4], None, tongue.sign(
                    messages.signed_part(tongue.h, unsigned))))
        case 4:
            return messages.encode(messages.Status(height + 10 ** 9, view))
        case 5:
            return messages.encode(messages.GetBlocks(
                number, 1, limits.BLOCKS_PER_FRAME_MAX_COUNT))
        case 6:
            return messages.encode(messages.GetBody(height, digest[:8]))
        case _:
            raw = tongue.committed()[0]
            return messages.encode(messages.Transactions(
                True, (transaction_module.Submission(raw).to_bytes(),)))
