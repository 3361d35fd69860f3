# SPDX-License-Identifier: Apache-2.0
"""What must hold of every run, whatever happened in it."""

import io
import struct
import typing

from tacker_ledger.core import errors
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import export
from tacker_ledger.core.ledger import export_verifier
from tacker_ledger.core.ledger import snapshot
from tacker_ledger.core.ledger import state_map
from tacker_ledger.core.ledger import trusted_state
from tacker_ledger.tests.simulation import disk as disk_module

if typing.TYPE_CHECKING:
    from tacker_ledger.tests.simulation import simulation as world_module


class Failed(AssertionError):
    """A run did not end as it should."""


class Unsafe(Failed):
    """The federation did what it must never do."""


class Stuck(Failed):
    """The federation did not do in time what it must do at last."""


class Oracle:
    """Watches what correct members commit.

    :param world: the simulation
    """

    def __init__(self, world: 'world_module.Simulation'):
        self._world = world
        #: height -> (digest, by whom first)
        self._decided: dict[int, tuple[bytes, str]] = {}
        self._where: dict[bytes, int] = {}
        #: (height, digest, certificate) that correct members have stored,
        #: with the digest of the federation that the header names
        self._certified: dict[tuple[int, bytes, bytes], bytes] = {}

    def committed(self, member, outcome: application.Outcome,
                  proof: bytes) -> None:
        """Raise :class:`Unsafe` unless a stored block fits the others.

        No two blocks at one height, no transaction twice.
        """
        block = outcome.block
        height = block.header.height
        first = self._decided.setdefault(height, (block.digest, member.name))
        if first[0] != block.digest:
            raise Unsafe(
                f'height {height}: {member.name} has committed '
                f'{block.digest.hex()[:8]}, {first[1]} '
                f'{first[0].hex()[:8]}')
        for one in outcome.transactions:
            if self._where.setdefault(one.txid, height) != height:
                raise Unsafe(
                    f'transaction {one.txid.hex()[:8]} is committed at '
                    f'{self._where[one.txid]} and at {height}')
        self._certified[height, block.digest, proof] = (
            block.header.federation)

    def installed(self, member, check: snapshot.SnapshotCheck) -> None:
        """Raise :class:`Unsafe` unless a snapshot is what was decided.

        Its block, the whole state below it, who addressed whom, and the
        federation after it.
        """
        height, disk = check.height, member.disk
        first = self._decided.get(height)
        if first is None or first[0] != check.block.digest:
            raise Unsafe(f'height {height}: {member.name} has a snapshot of '
                         'a block that nobody has committed')
        self._certified[height, check.block.digest, check.certificate] = (
            check.block.header.federation)
        state, addressed, federation = {}, {}, self._world.made.federation
        for outcome, _proof in self._whole().outcomes[:height]:
            state.update(outcome.changes.changes)
            federation = outcome.federation or federation
            for index, one in enumerate(outcome.transactions):
                if one.content.recipient_id is not None:
                    addressed.setdefault(
                        one.content.recipient_id + one.sender_id,
                        struct.pack('>QI', outcome.block.header.height,
                                    index))
        found = {key: disk.state.get(key)
                 for key, _hash in disk.state.hashes()}
        if (found != state or disk.addressed != addressed
                or member.ledger.federation != federation
                or disk.nodes.get(state_map.ROOT)
                != check.block.header.state_root):
            raise Unsafe(f'height {height}: {member.name} has a snapshot of '
                         'another state')
        for txid, where in self._where.items():
            if where <= height:
                # As the state tells, which holds each of them.
                disk.txids[txid] = None

    def _whole(self) -> disk_module.Disk:
        """Return the longest chain that somebody correct has whole."""
        return max((member.disk for member in self._world.correct()
                    if not member.disk.base), key=lambda disk: disk.height)

    def check(self, *, offline: bool) -> None:
        """Raise :class:`Unsafe` unless all that was committed is one chain.

        :param offline: verify the whole chain from its genesis, too
        """
        for member in self._world.correct():
            for height, digest in member.disk.digests.items():
                if self._decided[height][0] != digest:
                    raise Unsafe(f'{member.name} has another block at '
                                 f'{height} than it has committed')
        self._check_certificates()
        if offline:
            self._check_offline()

    def _check_certificates(self) -> None:
        """Every certificate that anybody holds is valid.

        Members hold different ones for one block: any quorum will do.
        """
        world = self._world
        documents = {world.made.federation.digest: world.made.federation}
        for epoch in world.epochs:
            documents[epoch.digest] = epoch
        for (height, digest, proof), named in self._certified.items():
            try:
                certificate.check_certificate(
                    world.h, world.provider, documents[named], height,
                    digest, proof)
            except errors.LedgerError as exc:
                raise Unsafe(f'height {height} is committed without a valid '
                             f'certificate: {exc.message}') from exc

    def _check_offline(self) -> None:
        """The chain verifies from its genesis by its exported bytes."""
        world = self._world
        chain = self._whole().blocks
        signed = world.made.signed.to_bytes()
        trusted_state.TrustedState.bootstrap(world.provider, world.h.chain_id,
                                             signed)
        stream = io.BytesIO(b''.join((
            export.header_record(world.h.chain_id, signed),
            *(export.block_record(*pair) for pair in chain))))
        height = 0
        try:
            for progress in export_verifier.verify_export(
                    world.h, world.provider, stream):
                height = progress.certified_height
        except errors.LedgerError as exc:
            raise Unsafe(f'the chain does not verify offline: '
                         f'{exc.message}') from exc
        if height != len(chain):
            raise Unsafe(f'only {height} of {len(chain)} blocks are certain')
