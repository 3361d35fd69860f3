# SPDX-License-Identifier: Apache-2.0
"""``tacker-ledger-publisher``: anchors the checkpoints of secure logs.

Ends with status 0 after SIGTERM or SIGINT, with status 1 and one line
``error: <code>: <message>`` when it cannot start.
"""

from collections.abc import Sequence
import sys

from oslo_log import log as logging

from tacker_ledger import conf as conf_module
from tacker_ledger.core.crypto import providers
from tacker_ledger.core import errors
from tacker_ledger.securelog import assembly
from tacker_ledger import version

PROG = 'tacker-ledger-publisher'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the publisher; return the exit status."""
    try:
        conf = conf_module.make_conf(
            sys.argv[1:] if argv is None else argv, prog=PROG,
            groups=conf_module.PUBLISHER, version=version.version_string(),
            register=(logging.register_options, assembly.register_options))
        logging.setup(conf, 'tacker_ledger')
        providers.use('cryptography')
        assembly.run_publisher(conf)
    except errors.LedgerError as error:
        print(f'error: {error.code}: {error.message}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
