# SPDX-License-Identifier: Apache-2.0
"""Properties of the verifier: any change shows, no change never does.

The cases are drawn from fixed seeds, so a failure is one case that fails
again: its number is in the message.
"""

import random

from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import run_verification
from tacker_ledger.core.securelog import verify
from tacker_ledger.tests.attacks import log_case
from tacker_ledger.tests import base

#: Together more than 20,000.
LOGS = 42
CHANGES_OF_A_LOG = 500
UNTOUCHED = 400

Verdict = findings.Verdict


def make(seed: int) -> log_case.Log:
    """Return a random closed log: sessions, blocks, rotation, slots."""
    draw = random.Random(seed)
    log = log_case.Log(f'property {seed}')
    for slot in range(draw.randint(1, 2)):
        writer = log.open(f'{slot}.log', slot)
        for block in range(draw.randint(1, 3)):
            for _ in range(draw.randint(0, 4)):
                writer.line(draw.choice((
                    'a line', 'checkpoint 1: 3 lines, closed by count',
                    'opening of writer 9', '', 'x |1.5 ' + 'A' * 108,
                    'Grüße \n\t\x1b[31m \u202e', 'y' * draw.randint(1, 90))))
                if not draw.randrange(6):
                    writer.file = f'{slot}.log.{block}.{draw.random()}'
            writer.checkpoint()
        writer.close()
    return log


def change(log: log_case.Log, draw: random.Random) -> str:
    """Make one change somewhere in the segments; return what it was."""
    name = draw.choice(sorted(one for one in log.files if log.files[one]))
    data = log.files[name]
    lines = data.splitlines(keepends=True)
    at = draw.randrange(len(data))
    index = draw.randrange(len(lines))
    kind = draw.choice(('flip', 'put', 'take', 'line away', 'line twice',
                        'swap', 'move', 'cut', 'foreign', 'file away'))
    if kind == 'flip':
        data = (data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)])
                + data[at + 1:])
    elif kind == 'put':
        data = data[:at] + bytes([draw.randrange(256)]) + data[at:]
    elif kind == 'take':
        data = data[:at] + data[at + 1:]
    elif kind == 'cut':
        data = data[:at]
    elif kind == 'file away':
        data = b''
    else:
        data = b''.join(_moved(kind, lines, index, draw))
    if data == log.files[name]:
        return change(log, draw)
    log.files[name] = data
    return f'{kind} in {name} at byte {at}, line {index + 1}'


def _moved(kind: str, lines: list[bytes], index: int,
           draw: random.Random) -> list[bytes]:
    other = draw.randrange(len(lines))
    if kind == 'line away':
        del lines[index]
    elif kind == 'line twice':
        lines.insert(other, lines[index])
    elif kind == 'swap':
        lines[index], lines[other] = lines[other], lines[index]
    elif kind == 'move':
        lines.insert(other, lines.pop(index))
    else:
        lines.insert(index, OTHER[draw.randrange(len(OTHER))])
    return lines


def _other() -> list[bytes]:
    log = log_case.Log('another', log_id=b'O' * 16)
    writer = log.open()
    writer.blocks(2, 3)
    writer.close()
    return [*log.lines(), b'\n', b'a line without a trailer\n']


OTHER = _other()


class EveryChangeShows(base.TestCase):
    """One random change anywhere in a random log is detected."""

    TIMEOUT_SCALE = 5

    def _play(self, seeds: range, auditor: bool) -> None:
        for seed in seeds:
            log = make(seed)
            whole = dict(log.files)
            self.assertEqual(Verdict.INTACT, log.verify(auditor).verdict,
                             seed)
            draw = random.Random(f'changes {seed}')
            for case in range(CHANGES_OF_A_LOG):
                log.files = dict(whole)
                done = change(log, draw)
                report = log.verify(auditor)
                self.assertIsNot(Verdict.INTACT, report.verdict,
                                 f'seed {seed}, case {case}: {done}')

    def test_public_first_half(self):
        self._play(range(LOGS // 4), False)

    def test_public_second_half(self):
        self._play(range(LOGS // 4, LOGS // 2), False)

    def test_auditor_first_half(self):
        self._play(range(LOGS // 2, LOGS * 3 // 4), True)

    def test_auditor_second_half(self):
        self._play(range(LOGS * 3 // 4, LOGS), True)


class NothingShowsInAnUntouchedLog(base.TestCase):
    """No sequence of honest events raises an alarm."""

    def test_closed(self):
        for seed in range(UNTOUCHED):
            report = make(1000 + seed).verify(bool(seed % 2))
            self.assertEqual(Verdict.INTACT, report.verdict,
                             (seed, report.findings))

    def test_in_pieces(self):
        # wherever the chunks end, and however small the runs are
        self.addCleanup(setattr, verify, 'RUN_BYTES', verify.RUN_BYTES)
        verify.RUN_BYTES = 1
        for seed in range(60):
            log = make(2000 + seed)
            draw = random.Random(seed)
            context = log.keys.context(bool(seed % 2))
            verifier = verify.Verifier(context, log.manifest)
            made = []
            for name, data in verify.order(log.files.items()):
                verifier.begin(name)
                at = 0
                while at < len(data):
                    size = draw.randint(1, 700)
                    made += verifier.feed(data[at:at + size])
                    at += size
                made += verifier.end()
            for run in made + verifier.finish():
                verifier.absorb(run_verification.verify(run, context))
            report = verifier.report()
            self.assertEqual(Verdict.INTACT, report.verdict,
                             (seed, report.findings))

    def test_crash_and_restart(self):
        for seed in range(100):
            draw = random.Random(seed)
            log = log_case.Log(f'crash {seed}')
            previous = None
            for _ in range(draw.randint(2, 4)):
                if previous is not None and previous.torn_bytes:
                    # whoever restarts begins on a fresh line
                    log.files['a.log'] += b'\n'
                writer = log.open(previous=previous)
                writer.blocks(draw.randint(1, 2), draw.randint(0, 3))
                writer.lines(draw.randint(0, 3))
                torn = draw.randint(0, 1) * draw.randint(1, 80)
                previous = writer.previous(torn)
                log.files['a.log'] += b'x' * torn
            for auditor in (False, True):
                report = log.verify(auditor)
                self.assertIs(Verdict.UNDECIDABLE, report.verdict,
                              (seed, report.findings))
