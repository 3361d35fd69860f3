# SPDX-License-Identifier: Apache-2.0
"""Readable courses of the protocol, as texts that tests compare.

A file in ``transcripts/`` holds commands, a line ``----``, and what happens.
Run as ``python -m tacker_ledger.tests.simulation.transcript [FILE ...]`` to
write down anew what happens; look at the difference before you commit it.

Commands, one a line (``#`` begins a remark)::

    federation members=4 seed=0 heartbeat-ms=30000
    cut member=3            all its frames are lost
    mend member=3           its links are up again
    submit member=1 count=3 a client sends transactions to a member
    run to=1                until all members that are not cut off
                            have appended that height
    pass ms=100             for so much time
"""

import pathlib
import sys

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import simulation as simulation_module

DIRECTORY = pathlib.Path(__file__).resolve().parent / 'transcripts'
_RULE = '----'


class Transcript:
    """Runs the commands of one file and writes down what happens."""

    def __init__(self):
        self.lines: list[str] = []
        self.simulation: simulation_module.Simulation | None = None

    def run(self, script: str) -> str:
        """Return what happens, a line each."""
        for line in script.splitlines():
            words = line.partition('#')[0].split()
            if words:
                arguments = dict(word.split('=') for word in words[1:])
                getattr(self, f'_{words[0]}')(
                    **{name.replace('-', '_'): int(value)
                       for name, value in arguments.items()})
        self.simulation.check()
        return ''.join(f'{line}\n' for line in self.lines)

    def _federation(self, members=4, seed=0, **parameters):
        self.simulation = simulation_module.Simulation(
            members, seed, conditions=network.STEADY, **parameters)
        self.simulation.start()
        # Greetings are no part of the story.
        self.simulation.pass_time(0.001)
        self.simulation.observe(self._observe)

    def _cut(self, member):
        self.simulation.network.cut(member)

    def _mend(self, member):
        self.simulation.network.mend(member)
        self.simulation.connect(member)

    def _submit(self, member, count):
        self.simulation.submit(member, count)

    def _run(self, to):
        members = [member.index for member in self.simulation.members
                   if not self.simulation.network.is_cut(member.index)]
        if not self.simulation.run_to_height(to, members=members):
            self.lines.append('it never happens')

    def _pass(self, ms):
        self.simulation.pass_time(ms / 1000)

    # Writing down

    def _observe(self, now_us, member, what) -> None:
        text = self._told(what)
        if text:
            action, _, rest = text.partition(' ')
            self.lines.append(f'{now_us // 1000 - 1:>6} ms  {member.name}  '
                              f'{action:<12}{rest}'.rstrip())

    def _told(self, what) -> str:
        match what:
            case effects.Send(message=messages.Ping() | messages.Pong()):
                return ''
            case effects.Send():
                to = ('all' if what.to is None
                      else self.simulation.members[what.to].name)
                action, rest = self._message(what.message)
                return f'{action} -> {to:<8}{rest}'
            case effects.Append():
                return f'append {self._appended(what)}'
            case effects.BlockCommitted():
                return f'next height {what.height + 1} begins'
            case effects.Behind():
                name = self.simulation.members[what.member].name
                return f'behind {name} is at height {what.height}'
            case effects.Refused():
                return f'refuse {what.code}: {what.reason}'
            case effects.Evidence():
                name = self.simulation.members[what.record.member].name
                return f'accuse {name}'
            case effects.Timer(name=effects.TIMER_HEARTBEAT):
                return 'heartbeat is due'
            case effects.Persist():
                kinds = [_NAMES[messages.decode(record).KIND]
                         for record in what.records]
                return f'write {", ".join(kinds)}'
            case list():
                return f'request {_plural(len(what), "transaction")}'
            case _:
                return ''

    def _message(self, message) -> tuple[str, str]:
        name = _NAMES[message.KIND]
        match message:
            case messages.PrePrepare():
                block = block_module.Block.from_bytes(
                    self.simulation.made.h, message.block)
                count = len(block.raw_transactions)
                return name, (f'{_place(message)}  block '
                              f'{block.digest.hex()[:8]}, '
                              f'{_plural(count, "transaction")}')
            case messages.Vote():
                return name, (f'{_place(message)}  block '
                              f'{message.prefix.hex()[:8]}')
            case _:
                return name, f'height {message.height}'

    def _appended(self, append: effects.Append) -> str:
        members = [
            self.simulation.members[index].name for index, _signature
            in certificate.Certificate.from_bytes(append.certificate).votes]
        block = append.outcome.block
        return (f'height {block.header.height}  block '
                f'{block.digest.hex()[:8]}, certified by '
                f'{", ".join(members)}')


_NAMES = {
    messages.PrePrepare.KIND: 'pre-prepare',
    messages.Prepare.KIND: 'prepare',
    messages.Commit.KIND: 'commit',
    messages.Status.KIND: 'status',
    messages.GetBody.KIND: 'get-body',
    messages.Body.KIND: 'body',
}


def _place(message) -> str:
    return f'height {message.height} view {message.view}'


def _plural(count: int, noun: str) -> str:
    return f'{count} {noun}' + ('' if count == 1 else 's')


def split(text: str) -> tuple[str, str]:
    """Return the commands and the expected lines of a file."""
    script, _, expected = text.partition(f'{_RULE}\n')
    return script, expected


def main(names: list[str]) -> int:
    """Write down anew what the named files, or all, lead to."""
    paths = ([pathlib.Path(name) for name in names]
             or sorted(DIRECTORY.glob('*.txt')))
    for path in paths:
        script, _expected = split(path.read_text(encoding='utf-8'))
        path.write_text(f'{script}{_RULE}\n{Transcript().run(script)}',
                        encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
