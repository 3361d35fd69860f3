# SPDX-License-Identifier: Apache-2.0
"""A member that votes honestly and lies to those who catch up (S16).

Run as ``python -m tacker_ledger.tests.functional.lying_source LIE
--config-file FILE``: the shipped node with one thing put into it.
"""

import dataclasses
import os
import sys
import time
from typing import Any

from tacker_ledger.cmd import node as program
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.node import greeting
from tacker_ledger.node import supply
from tacker_ledger.storage import snapshot as storage

_AHEAD_BLOCKS = 1_000_000
Part = snapshot.Part

_answers = 0


def _counted() -> int:
    global _answers
    _answers += 1
    return _answers


# Blocks

def _forge(env: Any, answer: messages.Blocks) -> messages.Blocks:
    """Another state root under the true certificate."""
    (raw, certificate), *rest = answer.blocks
    h = block_module.hashing.hasher(env.chain_id())
    block = block_module.Block.from_bytes(h, raw)
    forged = block_module.Block.assembled(h, dataclasses.replace(
        block.header, state_root=b'x' * 32), block.raw_transactions)
    return dataclasses.replace(answer, blocks=(
        (forged.to_bytes(), certificate), *rest))


def _truncate(env: Any, answer: messages.Blocks) -> messages.Blocks:
    """One certified block at a time."""
    found = []
    for pair in answer.blocks:
        found.append(pair)
        if pair[1]:
            break
    return dataclasses.replace(answer, blocks=tuple(found))


def _withhold(env: Any, answer: messages.Blocks) -> messages.Blocks:
    """Nothing, of all that it claims."""
    return dataclasses.replace(answer, blocks=())


def _stall(env: Any, answer: messages.Blocks) -> messages.Blocks:
    """Longer than anybody waits."""
    time.sleep(60)
    return answer


def _die(env: Any, answer: messages.Blocks) -> messages.Blocks:
    """A beginning, then the end."""
    if _counted() > 1:
        os._exit(70)
    return _truncate(env, answer)


_BLOCKS = {'forge': _forge, 'truncate': _truncate, 'withhold': _withhold,
           'stall': _stall, 'die': _die}


def _lie_about_blocks(name: str) -> None:
    honest = supply.blocks

    def lying(env: Any, request: messages.GetBlocks) -> messages.Blocks:
        answer = honest(env, request)
        answer = dataclasses.replace(
            answer, head_height=answer.head_height + _AHEAD_BLOCKS)
        return _BLOCKS[name](env, answer) if answer.blocks else answer

    supply.blocks = lying


# Snapshots

Page = tuple[list[snapshot.Item], bool]


def _changed(part: Part, items: list[snapshot.Item], more: bool) -> Page:
    key, value = items[0]
    return [(key, value[:-1] + bytes([value[-1] ^ 1])), *items[1:]], more


def _endless(part: Part, items: list[snapshot.Item], more: bool) -> Page:
    start = int.from_bytes(items[-1][0], 'big') if items else 0
    return [((start + number).to_bytes(32, 'big'), b'x' * 200)
            for number in range(1, 8000)], True


def _exit(part: Part, items: list[snapshot.Item], more: bool) -> Page:
    os._exit(70)


def _slow(part: Part, items: list[snapshot.Item], more: bool) -> Page:
    """The truth, for whoever has patience."""
    time.sleep(5)
    return items, more


_PAGES = {'changed': _changed, 'endless': _endless, 'exit': _exit,
          'slow': _slow}


def _lie_about_state(name: str) -> None:
    honest = storage.Held.page

    def lying(held: storage.Held, part: Part, after: bytes) -> Page:
        page = honest(held, part, after)
        return _PAGES[name](part, *page) if part == Part.STATE else page

    storage.Held.page = lying  # type: ignore[method-assign]


def _stale() -> None:
    """The state of a height from long ago is what it has: none."""
    def old(held: storage.Held) -> tuple[bytes, bytes]:
        return held._block(1)

    storage.Held.block = old  # type: ignore[method-assign]


def _claim_more() -> None:
    honest = greeting.Greeter.hello

    def hello(greeter: greeting.Greeter, *arguments: Any) -> bytes:
        said = messages.decode(honest(greeter, *arguments))
        assert isinstance(said, messages.Hello)
        return messages.encode(dataclasses.replace(
            said, head_height=said.head_height + _AHEAD_BLOCKS))

    greeting.Greeter.hello = hello  # type: ignore[method-assign]


def main(name: str) -> int:
    """Run the node; see the module."""
    if name in _BLOCKS:
        _claim_more()
        _lie_about_blocks(name)
    elif name in _PAGES:
        _lie_about_state(name)
    elif name == 'stale':
        _stale()
    else:
        raise SystemExit(f'no such lie: {name}')
    return program.main(sys.argv[1:])


if __name__ == '__main__':
    sys.exit(main(sys.argv.pop(1)))
