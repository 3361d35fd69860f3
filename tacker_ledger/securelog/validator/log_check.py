# SPDX-License-Identifier: Apache-2.0
"""A whole log against its keys and against what was anchored of it."""

from collections.abc import Sequence
import pathlib

from tacker_ledger.core.crypto import providers
from tacker_ledger.core.crypto import suite as suite_module
from tacker_ledger.core.securelog import findings
from tacker_ledger.core.securelog import records
from tacker_ledger.core.securelog import redaction
from tacker_ledger.core.securelog import run_verification
from tacker_ledger.core.securelog import runs
from tacker_ledger.core.securelog import verify
from tacker_ledger.securelog import segments
from tacker_ledger.securelog import trusted_keys
from tacker_ledger.securelog import verification
from tacker_ledger.storage import anchors

_CHUNK_BYTES = 1024 * 1024
_MANIFEST_MAX_BYTES = 256 * 1024 * 1024


class LogCheck:
    """Verifies logs by the public half of their signing keys.

    :param keys: of all logs
    """

    def __init__(self, keys: trusted_keys.TrustedKeys) -> None:
        self._keys = keys

    def __call__(self, log_file: str,
                 checkpoints: Sequence[anchors.Checkpoint]
                 ) -> list[findings.Finding]:
        """Return what a verification of all files of a log finds.

        :param checkpoints: that must stand there
        """
        paths = segments.segments(log_file)
        if not paths:
            return [findings.Finding(
                findings.Kind.UNREADABLE, 'no file of this log is there',
                None, None, log_file)]
        log = verification.find([log_file] if log_file in map(str, paths)
                                else [str(one) for one in paths])
        key = self._key(log.files)
        if key is None:
            return [findings.Finding(
                findings.Kind.UNREADABLE, 'no opening by a key of '
                'log_key_files is in it', None, None, log_file)]
        provider = providers.default()
        context = runs.Context(
            key, provider, trusted={
                (one.writer, one.sequence): one.hash for one in checkpoints},
            redacted=redaction.covered(verification.redactions(log), key,
                                       provider))
        verifier = verify.Verifier(
            context, verification.read_aside(
                log.aside(verification.MANIFEST), _MANIFEST_MAX_BYTES),
            verification.retentions(log))
        for path in log.files:
            _feed(verifier, context, path)
        for run in verifier.finish():
            verifier.absorb(run_verification.verify(run, context))
        return list(verifier.report().findings)

    def _key(self, paths: Sequence[pathlib.Path]
             ) -> suite_module.KeyDocument | None:
        """Return the key that the first opening in the log is signed by."""
        for path in paths:
            for lines, _ in segments.lines_after(path, 0, _CHUNK_BYTES):
                for line in lines:
                    record = segments.signed_record(line)
                    if isinstance(record, records.Opening):
                        found = self._keys.get(record.signing_key_id)
                        if found is not None:
                            return found
        # the openings may have expired: with one key there is no doubt
        every = list(self._keys)
        return every[0] if paths and len(every) == 1 else None


def _feed(verifier: verify.Verifier, context: runs.Context,
          path: pathlib.Path) -> None:
    verifier.begin(path.name)
    with open(path, 'rb') as file:
        while chunk := file.read(_CHUNK_BYTES):
            for run in verifier.feed(chunk):
                verifier.absorb(run_verification.verify(run, context))
    for run in verifier.end():
        verifier.absorb(run_verification.verify(run, context))
