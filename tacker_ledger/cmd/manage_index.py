# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-manage db sync`` and ``index rebuild``."""

import argparse
from typing import Any

from tacker_ledger.cmd import progress
from tacker_ledger import conf as conf_module
from tacker_ledger.core.crypto.providers import base as provider_module
from tacker_ledger.node import identity
from tacker_ledger.node import indexing
from tacker_ledger.node import query
from tacker_ledger.storage import lock


def add_parsers(groups: Any) -> None:
    """Add the commands to the parser of all commands."""
    database = groups.add_parser(
        'db', help='prepare the database of the index').add_subparsers(
            dest='action', required=True, metavar='ACTION')
    sync = database.add_parser(
        'sync', help='make the tables, or make them anew where this release '
                     'needs others; the node fills them at its next start')
    add_config(sync)
    sync.set_defaults(run=run_sync)
    index = groups.add_parser(
        'index', help='keep the index').add_subparsers(
            dest='action', required=True, metavar='ACTION')
    rebuild = index.add_parser(
        'rebuild', help='drop the index of a stopped node and build it '
                        'again from the chain')
    add_config(rebuild)
    rebuild.set_defaults(run=run_rebuild)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the argument that :func:`make_conf` reads."""
    parser.add_argument('--config-file', action='append', required=True,
                        metavar='FILE', help='configuration of the node')


def make_conf(arguments: argparse.Namespace) -> Any:
    """Return the node's configuration that the arguments name."""
    argv = [part for path in arguments.config_file
            for part in ('--config-file', path)]
    return conf_module.make_conf(argv, register=(
        indexing.register_options,))


def run_sync(arguments: argparse.Namespace,
             provider: provider_module.Provider) -> str:
    """Make the tables fit; return a sentence."""
    conf = make_conf(arguments)
    genesis, _ = identity.load_federation(conf, provider)
    index = indexing.open_index(conf)
    try:
        if index.fits(genesis.chain_id):
            return (f'The tables are in place, height '
                    f'{index.position().height}.')
        index.create(genesis.chain_id)
        return 'The tables are made.'
    finally:
        index.close()


def run_rebuild(arguments: argparse.Namespace,
                provider: provider_module.Provider) -> str:
    """Drop and fill the index; return a sentence.

    :raises Busy: the node runs
    """
    conf = make_conf(arguments)
    with lock.DirectoryLock(conf.node.data_directory):
        reader = query.open_directory(conf.node.data_directory)
        index = indexing.open_index(conf)
        try:
            index.create(reader.chain_id)
            indexer = indexing.make_indexer(index, reader)
            with progress.bar(reader.height() + 1, 'blocks') as advance:
                height = indexer.catch_up(lambda at: advance(at + 1))
        finally:
            index.close()
    return f'The index is rebuilt to height {height}.'
