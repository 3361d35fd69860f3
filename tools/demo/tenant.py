# SPDX-License-Identifier: Apache-2.0
"""The hands at the keyboard: ``openstack vnf ledger ...``, shown and run.

Commands run in this process, through the same entry as the ``openstack``
script, so that its start-up is paid once.
"""

import contextlib
import io
import json
import pathlib

from openstackclient import shell
from osc_lib import clientmanager


class CommandError(Exception):
    """A command that should have worked did not; its words."""


class Hand:
    """One party with a directory of its own (a tenant, a vendor).

    :param directory: keys, inventory and profile (``--ledger-dir``)
    :param say: shows a line to whoever watches
    """

    def __init__(self, directory: pathlib.Path, say) -> None:
        self.directory = directory
        self._say = say

    def run(self, *words: str, endpoint: str = '', silent: bool = False
            ) -> dict | list:
        """Run ``openstack vnf ledger WORDS``; give what it printed.

        :param endpoint: an operator door, for commands that ask one
        :param silent: for commands that print nothing
        """
        self._say('$ openstack vnf ledger ' + ' '.join(
            "'%s'" % word if ' ' in word or '\n' in word else word
            for word in words))
        argv = ['--os-auth-type', 'none', '--ledger-dir',
                str(self.directory)]
        if endpoint:
            argv += ['--os-endpoint', endpoint]
        # The client manager keeps clients for the life of a process, which
        # is one command elsewhere.
        for value in vars(clientmanager.ClientManager).values():
            if isinstance(value, clientmanager.ClientCache):
                value._handle = None
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = shell.OpenStackShell().run(
                    [*argv, 'vnf', 'ledger', *words,
                     *(() if silent else ('-f', 'json'))])
            except SystemExit as exit_:  # what argparse refuses
                status = exit_.code
        if status:
            raise CommandError('%s\n%s' % (' '.join(words),
                                           err.getvalue().strip()))
        text = out.getvalue().strip()
        return json.loads(text) if text and not silent else {}

    def refused(self, *words: str) -> str:
        """Run a command that must fail; give its error."""
        try:
            self.run(*words)
        except CommandError as error:
            return str(error).splitlines()[-1]
        raise CommandError('not refused: ' + ' '.join(words))
