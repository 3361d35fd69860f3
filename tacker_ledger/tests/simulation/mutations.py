# SPDX-License-Identifier: Apache-2.0
"""Faults put into the shipped core on purpose: the simulator must find them.

Each mutation replaces texts in sources of the core while they are imported,
in a process of its own; nothing is written.  A text that is not found
exactly once ends the process, so that no mutation can rot.

Run as ``python -m tacker_ledger.tests.simulation.mutations NAME ARGUMENTS``
it applies one mutation (``none`` applies nothing) and goes on as the
simulator's command line does.
"""

from collections.abc import Sequence
import dataclasses
import importlib.abc
import importlib.machinery
import runpy
import sys

_PACKAGE = 'tacker_ledger.'


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A fault in the source, and what finds it.

    :param name: of the fault
    :param changes: (module below the package, text, what replaces it)
    :param scenario: that finds it
    :param seeds: under which it does, first and last
    :param nodes: members, where the scenario leaves that open
    """

    name: str
    changes: tuple[tuple[str, str, str], ...]
    scenario: str
    seeds: tuple[int, int]
    nodes: int | None = None

    @property
    def arguments(self) -> list[str]:
        """What the simulator's command line takes."""
        first, last = self.seeds
        found = ['--scenario', self.scenario, '--seeds', f'{first}-{last}']
        if self.nodes is not None:
            found += ['--nodes', str(self.nodes)]
        return found


MUTATIONS = (
    Mutation(
        'quorum off by one',
        (('core.consensus.quorum',
          'return (n + faults(n)) // 2 + 1',
          'return (n + faults(n)) // 2'),),
        'S15/even-halves', (0, 9), 4),
    Mutation(
        'vote before persist',
        (('core.consensus.ballots',
          'own = self.said[message.KIND] = Own(message, digest, False)',
          ('own = self.said[message.KIND] = Own(message, digest, False)\n'
           '        self._out.send(message)')),),
        'S17/processes-end-and-are-back-at-once', (0, 9), 4),
    Mutation(
        'certificate not checked',
        (('core.ledger.certificate',
          ('if member is None or not verifier.verify_raw_ed25519(\n'
           '                member.vote_key, message, signature):'),
          'if member is None:'),),
        'S10/false-certificates-on-blocks-of-a-liar', (0, 4)),
    Mutation(
        'prepared certificate dropped',
        (('core.consensus.rounds',
          ('messages.head_pair(head.header, head.certificate), '
           'self.prepared,'),
          'messages.head_pair(head.header, head.certificate), None,'),),
        'S3/committed-at-one-member-alone', (0, 4)),
    Mutation(
        'timer never reset',
        (('core.consensus.pacemaker',
          'if wanted == self._set_for:',
          'if self._set_for is not None:'),
         ('core.consensus.pacemaker',
          ('self._set_for = None\n        self._out.cancel('
           'effects.TIMER_VIEW)'),
          'pass')),
        'S23/steady-load-changes-no-view', (0, 4), 4),
    Mutation(
        'duplicate signer accepted',
        (('core.ledger.certificate',
          'if members != sorted(set(members)):',
          'if members != sorted(members):'),),
        'S10/false-certificates-on-blocks-of-a-liar', (0, 4)),
    Mutation(
        'lowest view wins',
        (('core.consensus.view_change',
          'return max(prepared, key=lambda one: one.view).header',
          'return min(prepared, key=lambda one: one.view).header'),),
        'S4/prepared-twice-in-different-views', (0, 0)),
    Mutation(
        'new view without a quorum',
        (('core.consensus.view_change',
          'if len(changes) < federation.quorum:',
          'if len(changes) < federation.quorum - 1:'),),
        'S5/new-view-that-nobody-is-entitled-to', (0, 4)),
    Mutation(
        'vote log not read',
        (('core.consensus.replica',
          'self._round.restore(self._records.take(self.height))',
          'self._records.take(self.height)'),),
        'S17/processes-end-and-are-back-at-once', (0, 9), 4),
    Mutation(
        'forgotten votes not noticed',
        (('node.doubt', 'elif not self.reason:', 'elif False:'),),
        'S17/disk-restored-from-an-old-backup', (0, 4), 4),
    Mutation(
        'every copy is held',
        (('core.consensus.instances',
          'return offered != NOBODY and held in (offered, NOBODY)',
          'return True'),),
        'S17/two-copies-of-one-node', (0, 4)),
    Mutation(
        'block size not checked',
        (('core.ledger.application',
          '(block.encoded_size <= parameters.block_max_bytes,',
          '(True,'),),
        'S8/leader-proposes-more-bytes-than-a-block-may-have', (0, 0)),
    Mutation(
        'snapshot not certified',
        (('core.ledger.snapshot',
          'self._light.certify(self.block.header_bytes, self.certificate)',
          'pass'),),
        'S16/source-of-a-snapshot-that-lies', (0, 0)),
    Mutation(
        'state of a snapshot not checked',
        (('core.ledger.snapshot',
          'if root != self.block.header.state_root:', 'if False:'),),
        'S16/source-of-a-snapshot-that-lies', (17, 17)),
    Mutation(
        'withheld document not noticed',
        (('core.ledger.snapshot',
          'if found is not None and found[1] != known:', 'if False:'),),
        'S16/federation-document-withheld-from-a-joiner', (0, 0)),
    Mutation(
        'old head taken',
        (('core.ledger.light_client', 'if age_ms > bound_ms:', 'if False:'),
         ('core.ledger.light_client',
          'if found.height < known.height:', 'if False:')),
        'S24/client-of-members-that-are-stale', (0, 0)),
    Mutation(
        'part of a history taken',
        (('core.ledger.light_client',
          'if count_before + len(found) != count or folded != head:',
          'if False:'),),
        'S24/client-of-members-that-lie', (5, 5)),
)
BY_NAME = {one.name: one for one in MUTATIONS}


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles a changed source."""

    changes: Sequence[tuple[str, str]] = ()

    def get_code(self, fullname):
        """Return the code of the changed source."""
        path = self.get_filename(fullname)
        source = self.get_data(path).decode('utf-8')
        for text, other in self.changes:
            count = source.count(text)
            if count != 1:
                sys.exit(f'{fullname} holds {count} times: {text}')
            source = source.replace(text, other)
        return self.source_to_code(source.encode('utf-8'), path)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that a mutation changes."""

    def __init__(self, mutation: Mutation):
        self._changes: dict[str, list[tuple[str, str]]] = {}
        for module, text, other in mutation.changes:
            self._changes.setdefault(_PACKAGE + module, []).append(
                (text, other))

    def find_spec(self, fullname, path=None, target=None):
        """Return the spec of a module that is changed, else None."""
        changes = self._changes.get(fullname)
        if changes is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        loader = _Loader(fullname, spec.origin)
        loader.changes = changes
        spec.loader = loader
        return spec


def apply(name: str) -> None:
    """Change what is imported from now on."""
    mutation = BY_NAME[name]
    for module, _text, _other in mutation.changes:
        if _PACKAGE + module in sys.modules:
            sys.exit(f'{module} is imported already')
    sys.meta_path.insert(0, _Finder(mutation))


def main(arguments: list[str]) -> None:
    """Apply a mutation and run the simulator."""
    name, *rest = arguments
    if name != 'none':
        apply(name)
    sys.argv = ['simulation', *rest]
    runpy.run_module('tacker_ledger.tests.simulation', run_name='__main__')


if __name__ == '__main__':
    main(sys.argv[1:])
