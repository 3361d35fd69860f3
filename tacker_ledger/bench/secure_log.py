# SPDX-License-Identifier: Apache-2.0
"""What secure lines cost a service, and what verifying them costs.

Writing is compared with the stock handler in one process, in interleaved
rounds, by processor time: the same formatter, masking and check for
rotation on both sides, the same records.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import logging
import logging.handlers
import os
import pathlib
import statistics
import tempfile
import time

from oslo_config import cfg
from oslo_log import formatters
from oslo_log import log as oslo_log

from tacker_ledger.bench import meter
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import findings
from tacker_ledger.securelog import handler
from tacker_ledger.securelog import keys
from tacker_ledger.securelog import masking
from tacker_ledger.securelog import verification

#: Records of a round: long against the clock, short against disturbance.
_ROUND_LINES = 500
_MESSAGE = ('VNF %s instantiation: resource %d of %d is %s in %s')
_VNF = '7d5a1c6e-4b0e-4f6d-9d52-0b8f7d4ec9a1'


@dataclasses.dataclass(frozen=True, slots=True)
class Writing:
    """Processor time of one line, seconds, medians over rounds.

    :param stock: the stock handler
    :param secure: the secure one in its place
    :param both: the secure one beside it
    :param ratio: median of each round's secure over stock
    :param ratio_both: the same of both over stock
    :param hold_seconds: (p99, p99.9, maximum) of wall time in the handler
    """

    lines: int
    stock: float
    secure: float
    both: float
    ratio: float
    ratio_both: float
    hold_seconds: tuple[float, float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Verifying:
    """Lines a second of wall time, the best of three.

    :param auditor: with the auditor's key
    """

    lines: int
    jobs: int
    auditor: bool
    per_second: float


class _MaskingFormatter(formatters.ContextFormatter):
    """What masks for the stock handler."""

    masker = masking.Masker()

    def format(self, record: logging.LogRecord) -> str:
        """Return the formatted record without secrets."""
        return self.masker(super().format(record))


def _loggers(directory: pathlib.Path) -> dict[str, logging.Logger]:
    """Return loggers that write by stock, by secure and by both."""
    conf = cfg.ConfigOpts()
    oslo_log.register_options(conf)
    conf([])
    provider = providers.default()
    keys.generate(directory / 'keys', provider)
    # as in service, where it has been taken away
    (directory / 'auditor').mkdir(mode=0o700)
    (directory / 'keys/auditor.key').rename(directory / 'auditor/auditor.key')
    made: dict[str, logging.Logger] = {}
    for name, kinds in (('stock', 's'), ('secure', 'S'), ('both', 'sS')):
        made[name] = logger = logging.getLogger(f'bench-secure-log.{name}')
        logger.propagate = False
        logger.setLevel(logging.INFO)
        for kind in kinds:
            path = directory / f'{name}-{kind}.log'
            one: logging.Handler
            if kind == 's':
                one = logging.handlers.WatchedFileHandler(path)
                one.setFormatter(_MaskingFormatter(
                    project='tacker', version='1', config=conf))
            else:
                one = handler.SecureLogHandler(path, directory / 'keys')
                one.setFormatter(formatters.ContextFormatter(
                    project='tacker', version='1', config=conf))
            logger.addHandler(one)
    return made


def _round(logger: logging.Logger) -> float:
    begun = time.process_time()
    for number in range(_ROUND_LINES):
        logger.info(_MESSAGE, _VNF, number, _ROUND_LINES, 'CREATE_COMPLETE',
                    'VDU1')
    return (time.process_time() - begun) / _ROUND_LINES


def measure_writing(rounds: int) -> Writing:
    """Measure what a line costs its service."""
    with tempfile.TemporaryDirectory(prefix='bench-log-') as name:
        loggers = _loggers(pathlib.Path(name))
        try:
            for logger in loggers.values():
                _round(logger)
            found: dict[str, list[float]] = {one: [] for one in loggers}
            for _ in range(rounds):
                for one, logger in loggers.items():
                    found[one].append(_round(logger))
            held = _hold(loggers['secure'], rounds * _ROUND_LINES)
        finally:
            for logger in loggers.values():
                for one_handler in list(logger.handlers):
                    logger.removeHandler(one_handler)
                    one_handler.close()
    return Writing(
        rounds * _ROUND_LINES, statistics.median(found['stock']),
        statistics.median(found['secure']), statistics.median(found['both']),
        _ratio(found['secure'], found['stock']),
        _ratio(found['both'], found['stock']),
        (meter.quantile(held, 0.99), meter.quantile(held, 0.999), max(held)))


def _ratio(these: Sequence[float], those: Sequence[float]) -> float:
    return statistics.median(
        this / that for this, that in zip(these, those, strict=True))


def _hold(logger: logging.Logger, count: int) -> list[float]:
    """Return for how long each of so many lines held its service."""
    held = []
    for number in range(count):
        begun = time.perf_counter()
        logger.info(_MESSAGE, _VNF, number, count, 'CREATE_COMPLETE', 'VDU1')
        held.append(time.perf_counter() - begun)
    return held


def measure_verifying(lines: int, jobs: Sequence[int],
                      say: Callable[[str], None]) -> list[Verifying]:
    """Measure the verifier on a log of so many lines.

    :raises LedgerError: it does not find the log intact
    """
    made = []
    with tempfile.TemporaryDirectory(prefix='bench-log-') as name:
        directory = pathlib.Path(name)
        keys.generate(directory / 'keys', providers.default())
        path = directory / 'service.log'
        _write(path, directory / 'keys', lines)
        log = verification.find([str(path)])
        for auditor in (False, True):
            for count in jobs:
                best = min(_verify(log, directory / 'keys', count, auditor)
                           for _ in range(3))
                made.append(Verifying(lines, count, auditor, lines / best))
                say(f'verification, {"auditor" if auditor else "public"}, '
                    f'{count} processes: {lines / best:.0f} lines/s')
    return made


def _write(path: pathlib.Path, key_directory: pathlib.Path,
           lines: int) -> None:
    secret = key_directory / 'auditor.key'
    aside = path.with_name('auditor.key')
    os.rename(secret, aside)
    one = handler.SecureLogHandler(path, key_directory, mask=False)
    os.rename(aside, secret)
    try:
        for number in range(lines):
            one.handle(logging.LogRecord(
                'bench', logging.INFO, __file__, 0,
                '2026-01-01 00:00:00.000 4711 INFO tacker.bench [-] '
                + _MESSAGE, (_VNF, number, lines, 'CREATE_COMPLETE', 'VDU1'),
                None))
    finally:
        one.close()


def _verify(log: verification.Log, key_directory: pathlib.Path, jobs: int,
            auditor: bool) -> float:
    begun = time.perf_counter()
    report = verification.verify_log(log, str(key_directory), jobs=jobs,
                                     auditor=auditor)
    seconds = time.perf_counter() - begun
    if report.verdict is not findings.Verdict.INTACT:
        raise errors.LedgerError(
            f'The verifier calls an untouched log {report.verdict.label}.')
    return seconds
