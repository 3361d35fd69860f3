# SPDX-License-Identifier: Apache-2.0
"""How fast the simulator is: runs of twenty blocks."""

import gc
import time

from tacker_ledger.tests.simulation import simulation

BLOCKS = 20
#: What is measured is at least so long.
_SECONDS = 2.0
#: In so many runs at a time; the fastest are told, too.
_SLICE_RUNS = 10


def tune() -> None:
    """Collect garbage seldom: runs make much, and keep little of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def run(seed: int, n: int = 4) -> simulation.Simulation:
    """Return a federation that has committed twenty blocks.

    Every member has committed each of them, in its own store, and the
    oracle has looked at all blocks and certificates.
    """
    world = simulation.Simulation(n, seed, batch_max_transactions=1).start()
    world.submit(seed % n, BLOCKS)
    if not world.run_to_height(BLOCKS):
        raise AssertionError(f'seed {seed}: not {BLOCKS} blocks')
    world.check(offline=False)
    return world


def measure(n: int = 4, seconds: float = _SECONDS
            ) -> tuple[int, float, float]:
    """Return (runs, CPU seconds, CPU seconds of the fastest slice).

    CPU time grows where other processes share the caches; the fastest
    slice of the runs has met the least of that.
    """
    run(0, n)
    began = before = time.process_time()
    fastest = seconds
    runs = 0
    while before - began < seconds:
        for _ in range(_SLICE_RUNS):
            runs += 1
            run(runs, n)
        now = time.process_time()
        fastest = min(fastest, now - before)
        before = now
    return runs, before - began, fastest


def report(n: int = 4) -> str:
    """Return a line that says how fast it is."""
    runs, seconds, fastest = measure(n)
    return (f'{runs} runs of {BLOCKS} blocks, n={n}, in {seconds:.2f} CPU '
            f'seconds: {runs / seconds:.1f} runs per CPU second, '
            f'{_SLICE_RUNS / fastest:.1f} in the fastest slice')
