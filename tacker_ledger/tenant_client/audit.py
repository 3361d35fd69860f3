# SPDX-License-Identifier: Apache-2.0
"""Audits: the full history of a configuration, with its proofs.

Online, the history is complete against the certified state and each entry
stands in a certified block.  Offline, the exported files alone are verified
from genesis; no node is asked.  Whoever holds the tenant's keys, or an
auditor's or recovery key that the tenant let in, reads the contents too.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import os
import pathlib
from typing import BinaryIO

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import certificate as certificate_module
from tacker_ledger.core.ledger import export
from tacker_ledger.core.ledger import export_verifier
from tacker_ledger.core.ledger import federation as federation_module
from tacker_ledger.core.ledger import partial_verifier
from tacker_ledger.core.ledger import transaction as transaction_module
from tacker_ledger.tenant_client import configurations
from tacker_ledger.tenant_client import context as context_module
from tacker_ledger.tenant_client import ledger as ledger_module


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One transaction of a configuration's history.

    :param kind: of its payload, ``request``, or ``sealed`` if no key here
        opens it
    :param opened: None for what is not opened
    :param time_ms: of its block
    :param signers: names of the members that certified its block
    """

    placed: ledger_module.Placed
    kind: str
    opened: context_module.Opened | None
    time_ms: int
    signers: tuple[str, ...]
    quorum: int


@dataclasses.dataclass(frozen=True, slots=True)
class Verified:
    """An export, verified from genesis.

    :param height: of its last block
    :param digest: of that block's header
    :param bodies_from: from here on every body was there and was checked;
        1 in a complete export.  Below it, headers and certificates alone
        were, and the entries may be incomplete.
    """

    entries: tuple[Entry, ...]
    height: int
    digest: bytes
    time_ms: int
    transactions: int
    bodies_from: int = 1

    @property
    def is_complete(self) -> bool:
        """Whether nothing was missing."""
        return self.bodies_from == 1


class Audit:
    """Audits with one tenant's keys."""

    def __init__(self, context: context_module.Context) -> None:
        self._context = context

    def history(self, cid: bytes) -> list[Entry]:
        """Return all transactions of a CID, complete by proof.

        :raises NotFound: the chain has no such CID
        """
        placed_list = self._context.ledger.cid_history(cid)
        if not placed_list:
            raise errors.NotFound(f'The chain has no CID {cid.hex()}.',
                                  cid=cid.hex())
        found = []
        for placed in placed_list:
            proven = self._context.ledger.transaction(
                placed.transaction.txid)
            if proven is None or proven.placed.place != placed.place:
                raise errors.HistoryIncomplete(
                    'A transaction of the history is not in its block.',
                    txid=placed.transaction.txid.hex())
            found.append(self._entry(placed, proven.time_ms, proven.signers,
                                     proven.quorum))
        return found

    def offline(self, path: str | os.PathLike[str], cid: bytes | None,
                progress: Callable[[int], None] | None = None) -> Verified:
        """Verify exported files from genesis and return a CID's history.

        An export of a pruned member lacks old bodies: what then is proven
        is less, and the result says from where on.

        :param path: a file, or a directory of files
        :param cid: None for no history: only verify
        :param progress: told how many bytes have been verified
        :raises LedgerError: the first thing that is wrong
        """
        try:
            return self._verified(export_verifier.verify_export, path, cid,
                                  progress)
        except errors.Pruned:
            return self._verified(partial_verifier.verify_partial, path,
                                  cid, progress)

    def _verified(self, verifier: Callable[
            ..., Iterator[export_verifier.Progress]],
            path: str | os.PathLike[str], cid: bytes | None,
            progress: Callable[[int], None] | None) -> Verified:
        found: list[Entry] = []
        last: export_verifier.Progress | None = None
        count = 0
        bodies_from = 1
        with open_export(path) as reader:
            for step in verifier(self._context.h, self._context.provider,
                                 reader):
                last = step
                if not step.whole:
                    bodies_from = step.height + 1
                count += len(step.transactions)
                found += self._entries_of(step, cid)
                if progress is not None:
                    progress(step.stream_bytes)
        if last is None:
            raise errors.NotFound(f'{path} holds no blocks.')
        return Verified(tuple(found), last.height, last.digest, last.time_ms,
                        count, bodies_from)

    def _entries_of(self, step: export_verifier.Progress,
                    cid: bytes | None) -> Iterator[Entry]:
        for index, transaction in enumerate(step.transactions):
            if transaction.content.cid == cid:
                yield self._entry(
                    ledger_module.Placed(transaction, step.height, index),
                    step.time_ms, *signers_of(step.federation,
                                              step.certificate))

    def _entry(self, placed: ledger_module.Placed, time_ms: int,
               signers: tuple[str, ...], quorum: int) -> Entry:
        opened = None
        if isinstance(placed.transaction.content,
                      transaction_module.Request):
            kind = 'request'
        else:
            try:
                opened = self._context.open(placed)
                kind = configurations.kind_of(opened.payload)
            except errors.Undecryptable:
                kind = 'sealed'
            except errors.LedgerError as error:
                kind = error.code
        return Entry(placed, kind, opened, time_ms, signers, quorum)


def signers_of(federation: federation_module.Federation,
               certificate: bytes) -> tuple[tuple[str, ...], int]:
    """Return who certified a block, by name, and how many had to."""
    if not certificate:
        return (), federation.quorum
    parsed = certificate_module.Certificate.from_bytes(certificate)
    return (tuple(federation.members[member].name
                  for member, _signature in parsed.votes),
            federation.quorum)


@contextlib.contextmanager
def open_export(path: str | os.PathLike[str]) -> Iterator[export.Reader]:
    """Open an export: one file, or a directory of files.

    :raises BadOption: there is none, or it cannot be read
    """
    with contextlib.ExitStack() as stack:
        yield export.Joined(_open(name, stack) for name in export_files(path))


def _open(path: pathlib.Path, stack: contextlib.ExitStack) -> BinaryIO:
    try:
        return stack.enter_context(path.open('rb'))
    except OSError as error:
        raise errors.BadOption(f'{path}: {error.strerror}.') from error


def export_files(path: str | os.PathLike[str]) -> list[pathlib.Path]:
    """Return the files of an export in their order.

    :raises BadOption: there are none
    """
    start = pathlib.Path(path)
    if not start.is_dir():
        return [start]
    found = sorted(entry for entry in start.iterdir()
                   if entry.name.endswith(export.SUFFIX))
    if not found:
        raise errors.BadOption(
            f'{path} has no files that end with {export.SUFFIX}.')
    return found
