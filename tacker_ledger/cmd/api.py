# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-api``: one more process that answers for a node.

It runs on the node's host, as the node's user, with the node's configuration
file and a port of its own (``--port``).  It reads the chain in the node's
data directory, hears of new blocks over the node's local socket and hands
submissions to the node there.  It holds the member's answer key, not its
vote key.  While the node is away it goes on answering reads.

Ends with status 0 after SIGTERM or SIGINT, with status 1 and one line
``error: <code>: <message>`` when it cannot start.
"""

import asyncio
from collections.abc import Sequence
import functools
import os
import signal
import sys
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging
import uvloop

from tacker_ledger.api import answers
from tacker_ledger.api import door
from tacker_ledger import conf as conf_module
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.node import identity
from tacker_ledger.node import indexing
from tacker_ledger.node import localsocket
from tacker_ledger.node import query
from tacker_ledger import version

LOG = logging.getLogger(__name__)

PROG = 'tacker-ledger-api'


async def serve(conf: Any) -> None:
    """Answer for the node until a signal ends the process."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    # what the node is told so is looked at here all the time
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    seeds = functools.partial(identity.answer_seeds, conf)
    signer = answers.Signer(seeds()[0], reread=seeds)
    client = localsocket.LocalClient(socket_file(conf))
    await client.start(conf.node.start_timeout_seconds + 30)
    try:
        # The node is up, so there is a chain to open.
        reader = query.open_directory(conf.node.data_directory,
                                      indexing.open_index(conf))
        if reader.chain_id != client.identity.chain_id:
            raise conf_module.bad('data_directory', 'node',
                                  'the node serves another chain')
        served = door.Door(conf, client, reader, signer, reader.federation)
        await served.start()
        try:
            await ended.wait()
        finally:
            await served.stop()
    finally:
        await client.stop()


def socket_file(conf: Any) -> str:
    """Return the path of the node's local socket."""
    return str(conf.node.socket_file or os.path.join(
        conf.node.data_directory, 'node.sock'))


def _register_arguments(conf: Any) -> None:
    # Text here, judged as options of the group: so a wrong one has our form.
    conf.register_cli_opts([
        cfg.StrOpt('host', help='Address to listen on, in place of host in '
                                '[door].'),
        cfg.StrOpt('port', help='Port to listen on, in place of port in '
                                '[door], which is the node\'s own.')])


def make_conf(argv: Sequence[str]) -> Any:
    """Return the configuration that a command line asks for.

    :raises BadOption: an option is missing or not allowed
    """
    conf = conf_module.make_conf(
        argv, prog=PROG, version=version.version_string(),
        register=(logging.register_options, indexing.register_options,
                  _register_arguments))
    for name in ('host', 'port'):
        # A file may have options of these names for somebody else.
        given = conf.get_location(name)
        if given and given.location is cfg.Locations.command_line:
            try:
                conf.set_override(name, conf[name], group='door')
            except ValueError as error:
                raise conf_module.bad(name, 'door', str(error)) from error
    return conf


def main(argv: Sequence[str] | None = None) -> int:
    """Run the process; return the exit status."""
    try:
        conf = make_conf(sys.argv[1:] if argv is None else argv)
        logging.setup(conf, 'tacker_ledger')
        providers.use('cryptography')
        uvloop.run(serve(conf))
    except errors.LedgerError as error:
        print(f'error: {error.code}: {error.message}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
