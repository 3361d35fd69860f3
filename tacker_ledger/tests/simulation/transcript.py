# SPDX-License-Identifier: Apache-2.0
"""Readable courses of the protocol, as texts that tests compare.

A file in ``transcripts/`` holds commands, a line ``----``, and what happens.
Run as ``python -m tacker_ledger.tests.simulation.transcript [FILE ...]`` to
write down anew what happens; look at the difference before you commit it.

Commands, one a line (``#`` begins a remark)::

    federation members=4 seed=0 heartbeat-ms=30000
               liar=0 plan=equivocate   a member with a plan (see _PLANS)
    cut member=3            all its frames are lost
    mend member=3           its links are up again
    lose kind=commit view=0 from=1 to=2,3
                            such frames are lost; each word may be left out
    carry                   nothing is lost any more
    crash member=0          its process ends
    crash member=0 after=prepare
                            it ends once it has sent such a message
    start member=0          it begins again
    submit member=1 count=3 a client sends transactions to a member
    run to=1                until all members that run and are not cut off
                            have appended that height
    pass ms=100             for so much time
"""

import pathlib
import sys

from tacker_ledger.core.consensus import effects
from tacker_ledger.core.consensus import messages
from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate
from tacker_ledger.tests.simulation import liar as liar_module
from tacker_ledger.tests.simulation import lies
from tacker_ledger.tests.simulation import network
from tacker_ledger.tests.simulation import rules
from tacker_ledger.tests.simulation import simulation as simulation_module

DIRECTORY = pathlib.Path(__file__).resolve().parent / 'transcripts'
_RULE = '----'
_GREETINGS_US = 1_000
_PLANS = {
    'equivocate': lambda world: liar_module.Equivocate(
        lambda liar: liar.others()[1:], both=True),
    'censor': lambda world: liar_module.Censor(
        lambda one: one.sender_id == world().submitted[0].sender_id),
    'forge-new-view': lambda world: liar_module.Usurp(
        lies.NEW_VIEWS['forged signature']),
}
_NAMES = {cls: name for name, cls in rules.KINDS.items()}


class Teller:
    """Writes down what happens in a simulation, a line each.

    :param since_us: when the story begins
    """

    def __init__(self, since_us: int = 0):
        self._since_us = since_us
        self.lines: list[str] = []

    def observe(self, now_us: int, member, what) -> None:
        """Take an event or effect (``Simulation.observe``)."""
        text = self._told(member, what)
        if text:
            action, _, rest = text.partition(' ')
            name = member.name
            if member.process >= len(member.world.made.sites) and len(
                    member.world.homes[name]) > 1:
                name += "'"
            self.tell(now_us, name, f'{action:<11} {rest}'.rstrip())

    def tell(self, now_us: int, name: str, text: str) -> None:
        """Write a line."""
        self.lines.append(
            f'{(now_us - self._since_us) // 1000:>6} ms  {name}  {text}')

    def _told(self, member, what) -> str:
        match what:
            case effects.Send(message=messages.Ping() | messages.Pong()):
                return ''
            case effects.Send():
                to = ('all' if what.to is None
                      else self._name(member, what.to))
                action, rest = self._message(member, what.message)
                return f'{action} -> {to:<8}{rest}'
            case effects.Append():
                return f'append {self._appended(member, what)}'
            case effects.BlockCommitted():
                return f'next height {what.height + 1} begins'
            case effects.Behind():
                name = self._name(member, what.member)
                return f'behind {name} is at height {what.height}'
            case effects.Refused():
                return f'refuse {what.code}: {what.reason}'
            case effects.Evidence():
                name = self._name(member, what.record.member)
                return f'accuse {name}'
            case effects.ViewChanged():
                name = self._name(member, what.leader)
                action = 'enter' if what.active else 'leave'
                where = f'view {what.view}' if what.active else (
                    f'for view {what.view}')
                leads = 'led by' if what.active else 'to be led by'
                return f'{action} {where}, {leads} {name}: {what.reason}'
            case effects.RequestExpired():
                return f'passed-over transaction {what.txid.hex()[:8]}'
            case effects.Timer(name=effects.TIMER_HEARTBEAT):
                return 'heartbeat is due'
            case effects.Timer(name=effects.TIMER_VIEW):
                return 'timeout of the view'
            case effects.Persist():
                kinds = [_NAMES[type(record)] for record in what.messages]
                return f'write {", ".join(kinds)}'
            case list():
                return f'request {_plural(len(what), "transaction")}'
            case _:
                return ''

    def _message(self, member, message) -> tuple[str, str]:
        name = _NAMES[type(message)]
        match message:
            case messages.PrePrepare():
                block = block_module.Block.from_bytes(
                    member.world.h, message.block)
                count = len(block.raw_transactions)
                return name, (f'{_place(message)}  block '
                              f'{block.digest.hex()[:8]}, '
                              f'{_plural(count, "transaction")}')
            case messages.Vote():
                return name, (f'{_place(message)}  block '
                              f'{message.prefix.hex()[:8]}')
            case messages.ViewChange():
                prepared = message.prepared
                return name, f'{_place(message)}  prepared ' + (
                    'nothing' if prepared is None else
                    f'{_digest(member.world.h, prepared.header)} in view '
                    f'{prepared.view}')
            case messages.NewView():
                members = ', '.join(
                    f'node-{messages.decode(change).member}'
                    for change in message.view_changes)
                again = ('nothing was prepared' if message.header is None
                         else 'again ' + _digest(member.world.h,
                                                 message.header))
                return name, (f'{_place(message)}  asked for by {members}; '
                              f'{again}')
            case messages.CertifiedHead() | messages.Body():
                return name, ''
            case _:
                return name, _place(message)

    def _name(self, member, index: int) -> str:
        """Return the name of a member by its place in the federation."""
        known = member.replica.federation.member(index)
        return f'member {index}' if known is None else known.name

    def _appended(self, member, append: effects.Append) -> str:
        proof = certificate.Certificate.from_bytes(append.certificate)
        members = [self._name(member, index)
                   for index, _signature in proof.votes]
        block = append.outcome.block
        return (f'height {block.header.height}  block '
                f'{block.digest.hex()[:8]}, certified in view {proof.view} '
                f'by {", ".join(members)}')


class Transcript(Teller):
    """Runs the commands of one file and writes down what happens."""

    def __init__(self):
        # Greetings are no part of it.
        super().__init__(_GREETINGS_US)
        self.simulation: simulation_module.Simulation | None = None
        self._rules: rules.Rules | None = None
        self._crashes: dict[int, str] = {}

    def run(self, script: str) -> str:
        """Return what happens, a line each."""
        for line in script.splitlines():
            words = line.partition('#')[0].split()
            if words:
                arguments = dict(word.split('=') for word in words[1:])
                getattr(self, f'_{words[0]}')(
                    **{name.replace('-', '_'):
                       int(value) if value.isdigit() else value
                       for name, value in arguments.items()})
        self.simulation.check()
        return ''.join(f'{line}\n' for line in self.lines)

    def _federation(self, members=4, seed=0, liar=None, plan='',
                    **parameters):
        factory = {}
        if liar is not None:
            factory[liar] = liar_module.make(
                _PLANS[plan](lambda: self.simulation))
        self.simulation = simulation_module.Simulation(
            members, seed, conditions=network.STEADY, factory=factory,
            **parameters)
        self._rules = rules.Rules(self.simulation.network)
        self.simulation.start()
        self.simulation.pass_time(_GREETINGS_US / 1_000_000)
        self.simulation.observe(self.observe)

    def _cut(self, member):
        self.simulation.network.cut(member)

    def _mend(self, member):
        self.simulation.network.mend(member)
        self.simulation.connect(member)

    def _lose(self, kind=None, view=None, to=None, **others):
        self._rules.lose(kind and rules.KINDS[kind], view=view,
                         sender=_indices(others.get('from')),
                         to=_indices(to))

    def _carry(self):
        self._rules.clear()

    def _crash(self, member, after=None):
        if after is not None:
            self._crashes[member] = after
            return
        self.tell(self.simulation.clock.now_us, f'node-{member}', 'crash')
        self.simulation.members[member].crash()

    def _start(self, member):
        self.tell(self.simulation.clock.now_us, f'node-{member}', 'start')
        self.simulation.restart(member)

    def _submit(self, member, count):
        self.simulation.submit(member, count)

    def _run(self, to):
        world = self.simulation

        def done() -> bool:
            return all(member.height >= to for member in world.members
                       if member.running
                       and not world.network.is_cut(member.process))

        if not world.run(done, on_change=True):
            self.lines.append('it never happens')

    def _pass(self, ms):
        self.simulation.pass_time(ms / 1000)

    def observe(self, now_us: int, member, what) -> None:
        """See :class:`Teller`."""
        super().observe(now_us, member, what)
        if isinstance(what, effects.Send) and self._crashes.get(
                member.process) == _NAMES.get(type(what.message)):
            del self._crashes[member.process]
            # The frame has to leave first.
            self.simulation.clock.post(0, self._crash, member.process)


def _indices(text) -> list[int] | None:
    """Return the members that a list with commas names."""
    return None if text is None else [int(one) for one
                                      in str(text).split(',')]


def _digest(h, header: bytes) -> str:
    return block_module.header_digest(h, header).hex()[:8]


def _place(message) -> str:
    if isinstance(message, messages.GetBody):
        return f'height {message.height}'
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
