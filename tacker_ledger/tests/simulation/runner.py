# SPDX-License-Identifier: Apache-2.0
"""Runs scenarios under many seeds and says what came of it."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import time
import traceback

from tacker_ledger.tests.simulation import oracle
from tacker_ledger.tests.simulation import run as run_module
from tacker_ledger.tests.simulation import scenarios
from tacker_ledger.tests.simulation import transcript

#: Of a failing run, so many of the last lines are shown.
_LINES = 400


@dataclasses.dataclass
class Failure:
    """A run that did not end as it should.

    :param reason: one line
    :param unsafe: the federation did what it must never do
    """

    scenario: run_module.Scenario
    seed: int
    n: int | None
    reason: str
    unsafe: bool

    @property
    def command(self) -> str:
        """What runs it again."""
        size = '' if self.n is None else f' --nodes {self.n}'
        return (f'python -m tacker_ledger.tests.simulation --scenario '
                f'{self.scenario.row}/{self.scenario.name} '
                f'--seeds {self.seed}-{self.seed}{size} --transcript')


@dataclasses.dataclass
class Count:
    """What came of the runs of one scenario."""

    runs: int = 0
    blocks: int = 0
    views: int = 0
    seconds: float = 0.0
    failures: list[Failure] = dataclasses.field(default_factory=list)


def chosen(pattern: str | None) -> list[run_module.Scenario]:
    """Return the scenarios of a row, or one; all without a pattern.

    :param pattern: ``S7`` or ``S7/leader-censors-one-sender``
    """
    row, _, name = (pattern or '').partition('/')
    return [one for ones in scenarios.by_row().values() for one in ones
            if row in ('', one.row) and name in ('', one.name)]


def run_one(scenario: run_module.Scenario, seed: int, count: Count, *,
            n: int | None = None, wire: bool = False) -> None:
    """Run a scenario under a seed and count what comes of it."""
    began = time.process_time()
    try:
        run = scenario.run(seed, n=n, wire=wire)
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is told
        reason = f'{type(exc).__name__}: {exc}'
        if not isinstance(exc, oracle.Failed):
            reason = f'{reason}\n{traceback.format_exc()}'
        count.failures.append(Failure(scenario, seed, n, reason,
                                      isinstance(exc, oracle.Unsafe)))
    else:
        members = run.world.members
        count.blocks += max(member.height for member in members)
        count.views += max(member.replica.view for member in members
                           if member.starts)
    count.runs += 1
    count.seconds += time.process_time() - began


def run_all(seeds: Iterable[int], ones: Sequence[run_module.Scenario], *,
            n: int | None = None, wire: bool = False,
            tell: Callable[[Failure], None] | None = None
            ) -> dict[run_module.Scenario, Count]:
    """Run scenarios under seeds, one after another.

    :param tell: told of each failure at once
    """
    counts = {one: Count() for one in ones}
    for seed in seeds:
        for one in ones:
            count = counts[one]
            before = len(count.failures)
            run_one(one, seed, count, n=n, wire=wire)
            if tell is not None:
                for failure in count.failures[before:]:
                    tell(failure)
    return counts


def transcript_of(failure: Failure) -> str:
    """Run a failing seed again and return its last lines."""
    teller = transcript.Teller()
    run = None
    try:
        run = failure.scenario.run(failure.seed, n=failure.n,
                                   observer=teller.observe)
    except Exception as exc:  # noqa: BLE001 - it ends the transcript
        teller.lines.append(f'{type(exc).__name__}: {exc}')
    left_out = max(0, len(teller.lines) - _LINES)
    head = [] if not left_out else [f'({left_out} lines before)']
    if run is not None:
        teller.lines.append('it did not fail this time')
    return '\n'.join([*head, *teller.lines[-_LINES:]])


def table(counts: dict[run_module.Scenario, Count]) -> str:
    """Return what came of it, a line for each scenario."""
    lines = [(f'{"row":<5}{"scenario":<52}{"runs":>6}{"failed":>7}'
              f'{"blocks":>8}{"views":>7}{"runs/CPU s":>11}')]
    for one, count in counts.items():
        speed = count.runs / max(count.seconds, 1e-9)
        lines.append(f'{one.row:<5}{one.name:<52}{count.runs:>6}'
                     f'{len(count.failures):>7}{count.blocks:>8}'
                     f'{count.views:>7}{speed:>11.0f}')
    runs = sum(count.runs for count in counts.values())
    failed = sum(len(count.failures) for count in counts.values())
    seconds = sum(count.seconds for count in counts.values())
    lines.append(f'{runs} runs of {len(counts)} scenarios, {failed} failed, '
                 f'{seconds:.1f} CPU seconds, '
                 f'{runs / max(seconds, 1e-9):.0f} runs per CPU second')
    return '\n'.join(lines)
