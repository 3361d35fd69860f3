# SPDX-License-Identifier: Apache-2.0
"""What must hold of every run, whatever happened in it."""

import io

from tacker_ledger.core.ledger import block as block_module
from tacker_ledger.core.ledger import certificate
from tacker_ledger.core.ledger import export
from tacker_ledger.core.ledger import export_verifier
from tacker_ledger.core.ledger import trusted_state


class Unsafe(AssertionError):
    """The federation did what it must never do."""


def check(simulation) -> None:
    """Raise :class:`Unsafe` unless all that was committed is one chain."""
    chains = [member.disk.blocks for member in simulation.members]
    _check_agreement(chains)
    _check_certificates(simulation, chains)
    _check_offline(simulation, max(chains, key=len))


def _check_agreement(chains) -> None:
    """No two different blocks at one height."""
    for height in range(max(map(len, chains), default=0)):
        blocks = {chain[height][0] for chain in chains if len(chain) > height}
        if len(blocks) != 1:
            raise Unsafe(f'{len(blocks)} different blocks at {height + 1}')


def _check_certificates(simulation, chains) -> None:
    """Every certificate that anybody holds is valid.

    Members hold different ones for one block: any quorum will do.
    """
    h, provider = simulation.made.h, simulation.provider
    trusted = trusted_state.TrustedState.bootstrap(
        provider, h.chain_id, simulation.made.signed.to_bytes())
    documents = {trusted.federation.digest: trusted.federation}
    for epoch in simulation.epochs:
        documents[epoch.digest] = epoch
    checked: set[tuple[int, bytes]] = set()
    for chain in chains:
        for height, (raw, proof) in enumerate(chain, 1):
            if (height, proof) in checked:
                continue
            checked.add((height, proof))
            header = block_module.Block.from_bytes(h, raw).header
            certificate.certify(h, provider, documents[header.federation],
                                header.to_bytes(), proof)


def _check_offline(simulation, chain) -> None:
    """The chain verifies from its genesis by the exported bytes alone."""
    made = simulation.made
    stream = io.BytesIO(b''.join((
        export.header_record(made.federation.chain_id,
                             made.signed.to_bytes()),
        *(export.block_record(*pair) for pair in chain))))
    height = 0
    for progress in export_verifier.verify_export(
            made.h, simulation.provider, stream):
        height = progress.certified_height
    if height != len(chain):
        raise Unsafe(f'only {height} of {len(chain)} blocks are certain')
