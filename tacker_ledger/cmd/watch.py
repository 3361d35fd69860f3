# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-watch``: prints what the validator says of logs.

It takes verdicts from the queue ``validation_messages``, or with ``--all``
from the database, and prints them in words or with ``--json`` as one object
per line.  The exit status tells the worst of them: 0 validated, 3 altered,
4 a checkpoint is missing, 5 not anchored, 6 a message that cannot be read;
1: it could not start; 2: nothing came in time.
"""

from collections.abc import Sequence
import queue
import signal
import sys
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger import messaging
from tacker_ledger.securelog import assembly
from tacker_ledger.securelog import client
from tacker_ledger.securelog import segments
from tacker_ledger.storage import anchor_verdicts
from tacker_ledger import version

PROG = 'tacker-ledger-watch'
EXIT_NOTHING = 2
_ARGUMENTS = [
    cfg.BoolOpt('json', default=False,
                help='Print one JSON object per verdict.'),
    cfg.BoolOpt('all', default=False,
                help='Print all verdicts in the database and end.'),
    cfg.IntOpt('count', default=0, min=0,
               help='End after so many verdicts; 0: go on.'),
    cfg.FloatOpt('timeout-seconds', default=0.0, min=0.0,
                 help='End when no verdict came for so long; 0: wait on.'),
]


class _Ended(Exception):
    """A signal asks the program to end."""


def _print(message: Any, as_json: bool) -> str:
    """Print a verdict; return its word."""
    print(client.to_json(message) if as_json else client.to_text(message),
          flush=True)
    return client.word_of(message)


def _all(conf: Any, seen: set[str]) -> None:
    """Print what the database holds."""
    database = assembly.open_database(conf)
    try:
        verdicts = anchor_verdicts.Verdicts(database)
        after = 0
        while page := verdicts.all_messages(after):
            for _, message in page:
                seen.add(_print(message, conf.json))
            after = page[-1][0]
    finally:
        database.close()


def _wait(conf: Any, seen: set[str]) -> None:
    """Print what comes, until enough did or a signal ends it."""
    if not messaging.is_configured(conf):
        raise conf_module.missing('transport_url', 'DEFAULT')
    came: queue.Queue[Any] = queue.Queue()
    transport = messaging.get_transport(conf)
    server = messaging.QueueServer(transport, messaging.VALIDATION_QUEUE,
                                   segments.host_name(), came.put)
    count = 0
    server.start()
    if not conf.json:
        print('Waiting for Messages', flush=True)
    try:
        while not conf.count or count < conf.count:
            seen.add(_print(came.get(
                timeout=conf.timeout_seconds or None), conf.json))
            count += 1
    except (_Ended, queue.Empty):
        pass
    finally:
        server.stop()
        transport.cleanup()
    # what was taken from the broker meanwhile would be lost
    while not came.empty():
        seen.add(_print(came.get(), conf.json))


def _end(*_: Any) -> None:
    raise _Ended


def main(argv: Sequence[str] | None = None) -> int:
    """Print verdicts; return the exit status."""
    seen: set[str] = set()
    try:
        conf = conf_module.make_conf(
            sys.argv[1:] if argv is None else argv, prog=PROG, groups=(),
            version=version.version_string(),
            register=(logging.register_options, assembly.register_options,
                      lambda made: made.register_cli_opts(_ARGUMENTS)))
        # what is printed is the verdicts alone
        conf.set_default('use_stderr', True)
        logging.setup(conf, 'tacker_ledger')
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        (_all if conf.all else _wait)(conf, seen)
    except errors.LedgerError as error:
        print(f'error: {error.code}: {error.message}', file=sys.stderr)
        return 1
    except _Ended:
        # whatever was printed counts, and nothing is not "validated"
        pass
    return client.worst(seen) if seen else EXIT_NOTHING


if __name__ == '__main__':
    sys.exit(main())
