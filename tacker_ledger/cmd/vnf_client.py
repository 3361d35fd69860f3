# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-agent``: the VNF client as a program.

It opens no port.  SIGTERM and SIGINT end it; an apply that has begun is
finished first.
"""

import signal
import sys
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from tacker_ledger import conf as conf_module
from tacker_ledger.core import errors
from tacker_ledger import version
from tacker_ledger.vnf_client import bootstrap
from tacker_ledger.vnf_client import service as service_module

LOG = logging.getLogger(__name__)

PROGRAM = 'tacker-ledger-agent'
#: Wrong or missing configuration, as sysexits.h has it.
EXIT_CONFIGURATION = 78
EXIT_FAILURE = 1


def parse(arguments: list[str]) -> cfg.ConfigOpts:
    """Return the configuration that the command line names.

    :raises BadOption: an option is missing or wrong
    """
    return conf_module.make_conf(
        arguments, groups=conf_module.VNF_CLIENT, prog=PROGRAM,
        version=version.version_string(),
        register=[logging.register_options])


def main(arguments: list[str] | None = None) -> int:
    """Run the agent and return its exit status."""
    try:
        conf = parse(sys.argv[1:] if arguments is None else arguments)
        logging.setup(conf, conf_module.PROJECT)
        agent = bootstrap.from_conf(conf)
    except errors.LedgerError as exc:
        print(f'{PROGRAM}: {exc.code}: {exc.message}', file=sys.stderr)
        return (EXIT_CONFIGURATION if isinstance(exc, errors.FormatError)
                else EXIT_FAILURE)
    service = service_module.Service(agent)

    def stop(_number: int, _frame: Any) -> None:
        service.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        service.run()
    except service_module.Stopped:
        # The signal came in the moment between two waits.
        pass
    finally:
        agent.fetcher.client.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
