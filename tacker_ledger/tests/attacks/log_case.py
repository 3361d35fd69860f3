# SPDX-License-Identifier: Apache-2.0
"""What attacks on secure logs start from: logs written by real sessions."""

import dataclasses
import hashlib

from tacker_ledger.core.crypto import providers
from tacker_ledger.core.securelog import entry
from tacker_ledger.core.securelog import leaf
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import runs
from tacker_ledger.core.securelog import session as session_module
from tacker_ledger.core.securelog import verify
from tacker_ledger.tests import base

ED25519 = 2
TIME_MS = 1_700_000_000_000
BOOT_ID = b'b' * 16


class Keys:
    """A log signing pair and an auditor's pair, made once."""

    def __init__(self):
        self.provider = providers.load('cryptography')
        self.signing = self.provider.generate(ED25519, False)
        self.auditor = self.provider.generate(ED25519)

    def context(self, auditor: bool = False, trusted=None, redacted=()
                ) -> runs.Context:
        return runs.Context(self.signing.document, self.provider,
                            self.auditor if auditor else None,
                            trusted or {}, redacted)


KEYS = Keys()


class Log:
    """A log in memory: files by name and a manifest.

    Random bytes come from a seed, so that every case can be repeated.
    """

    def __init__(self, seed: str = '', keys: Keys = KEYS,
                 log_id: bytes = b'L' * 16):
        self.keys = keys
        self.files: dict[str, bytes] = {}
        self.manifest = b''
        self.log_id = log_id
        self._seed = seed
        self._drawn = 0
        self._manifest_digest = records.NO_DIGEST
        self._writers = 0
        #: (writer, sequence) -> hash of every opening and checkpoint
        self.anchors: dict[tuple[int, int], bytes] = {}

    def random(self, size: int = 32) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(
            f'{self._seed}/{self._drawn}'.encode()).digest(size)

    def open(self, file: str = 'a.log', slot: int = 0, previous=None,
             boot_id: bytes = BOOT_ID) -> 'Writer':
        self._writers += 1
        seal = self.random()
        secrets = session_module.Secrets(
            self.random(), self.random(), seal,
            self.keys.provider.wrap(self.keys.auditor.document, seal))
        session = session_module.Session.open(
            session_module.Head(
                self.log_id, self._writers, slot, boot_id, TIME_MS,
                'host/service', self.keys.signing.document.key_id,
                self.keys.auditor.document.key_id, self._manifest_digest,
                previous),
            secrets, self.keys.signing.sign, self.keys.provider)
        self._manifest_digest = records.record_digest(
            session.opening.to_bytes())
        line = session.opening.to_line()
        self.manifest += line
        self.files[file] = self.files.get(file, b'') + line
        session.sent()
        self.anchors[self._writers, 0] = leaf.checkpoint_hash(
            self.log_id, self._writers, 0, session.opening.to_bytes())
        return Writer(self, session, file)

    def verify(self, auditor: bool = False, trusted=None, manifest=True,
               **extra):
        return verify.verify(
            self.keys.context(auditor, trusted,
                              extra.pop('redacted', ())),
            list(self.files.items()),
            self.manifest if manifest else None, **extra)

    def lines(self, file: str = 'a.log') -> list[bytes]:
        return self.files[file].splitlines(keepends=True)

    def put(self, lines: list[bytes], file: str = 'a.log') -> None:
        self.files[file] = b''.join(lines)


@dataclasses.dataclass
class Writer:
    """One session which writes into a file of a log."""

    log: Log
    session: session_module.Session
    file: str

    @property
    def number(self) -> int:
        return self.session.opening.writer

    def _put(self, data: bytes) -> None:
        self.session.sent()
        self.log.files[self.file] = self.log.files.get(
            self.file, b'') + data

    def line(self, text: str) -> None:
        self._put(self.session.line(entry.escape(text),
                                    self.log.random(16)))

    def lines(self, count: int, word: str = 'line') -> None:
        for _ in range(count):
            self.line(f'{word} {self.session.sequence} of {self.number}')

    def _anchor(self, data: bytes) -> None:
        record = records.parse_line(data)
        self.log.anchors[self.number, record.sequence] = (
            leaf.checkpoint_hash(self.log.log_id, self.number,
                                 record.sequence, record.to_bytes()))

    def checkpoint(self) -> None:
        agreement = None
        if self.session.wants_agreement:
            secret = self.log.random()
            agreement = (secret, self.log.keys.provider.wrap(
                self.log.keys.auditor.document, secret))
        data = self.session.checkpoint(
            TIME_MS, records.REASON_COUNT, self.log.random(), agreement)
        self._anchor(data)
        self._put(data)

    def blocks(self, count: int, lines: int = 5) -> 'Writer':
        for _ in range(count):
            self.lines(lines)
            self.checkpoint()
        return self

    def close(self) -> None:
        data = self.session.close(TIME_MS)
        self._anchor(data)
        self._put(data)

    def previous(self, torn_bytes: int = 0, closed: bool = False):
        """What the next opening in the same file has to say."""
        last = records.parse_line(self.log.lines(self.file)[-1])
        known = max((place, self.log.anchors[place])
                    for place in self.log.anchors
                    if place[0] == self.number)[0]
        del known
        return records.PreviousSession(
            self.number, None, (last.sequence, last.chained, last.tag),
            closed, torn_bytes)


class LogCase(base.TestCase):
    """A test with a log of three blocks of five lines, cleanly closed."""

    def setUp(self):
        super().setUp()
        self.target = Log(self.id())
        self.writer = self.target.open()
        self.writer.blocks(3)
        self.writer.close()

    def kinds(self, report) -> list[str]:
        return [one.kind.label for one in report.findings]

    def expect(self, label: str, *kinds: str, **extra):
        report = self.target.verify(**extra)
        self.assertEqual(label, report.verdict.label, report.findings)
        for kind in kinds:
            self.assertIn(kind, self.kinds(report), report.findings)
        return report

    def first(self, report, kind: str):
        return next(one for one in report.findings
                    if one.kind.label == kind)
