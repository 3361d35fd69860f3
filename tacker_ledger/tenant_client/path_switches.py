# SPDX-License-Identifier: Apache-2.0
"""Who moves the service path from source to destination (S0 III.D iv).

A driver (``tacker_ledger.path_switches``) is asked by the migration and
must be idempotent: after a crash it is asked again.  ``none`` leaves the
path to somebody else; ``command`` runs a program of the tenant's.
"""

from collections.abc import Sequence
import dataclasses
import os
import shutil
import subprocess
from typing import Any
from typing import Protocol

from stevedore import driver as stevedore_driver
from stevedore import exception as stevedore_exception

from tacker_ledger.core import errors

NAMESPACE = 'tacker_ledger.path_switches'
COMMAND_TIMEOUT_SECONDS = 60.0
_OUTPUT_MAX_CHARS = 400


@dataclasses.dataclass(frozen=True, slots=True)
class Ends:
    """Between what a path is switched.

    :param migration_id: hex
    :param source, destination: names in the inventory
    :param source_uuid, destination_uuid: instance UUIDs
    """

    migration_id: str
    source: str
    destination: str
    source_uuid: str
    destination_uuid: str


class PathSwitch(Protocol):
    """A driver; made from the arguments the migration was created with."""

    def switch(self, ends: Ends) -> None:
        """Lead the path to the destination.

        :raises ApplyFailed: it may lead anywhere now
        """

    def switch_back(self, ends: Ends) -> None:
        """Lead the path to the source.

        :raises RevertFailed: it may lead anywhere now
        """


class NoneSwitch:
    """Somebody else moves the path; the migration goes on at once."""

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        if arguments:
            raise errors.BadOption('The path switch "none" takes no '
                                   'arguments.', option='path_switch')

    def switch(self, ends: Ends) -> None:
        """See :class:`PathSwitch`."""

    def switch_back(self, ends: Ends) -> None:
        """See :class:`PathSwitch`."""


class CommandSwitch:
    """Runs a program: ``ARGV... switch`` or ``ARGV... switch-back``.

    It finds MIGRATION_ID, SOURCE, SOURCE_UUID, DESTINATION and
    DESTINATION_UUID in its environment, and must end with status 0 within
    the time.  No shell is involved.

    :param arguments: the program and its first arguments
    """

    def __init__(self, arguments: Sequence[str] = (),
                 timeout_seconds: float = COMMAND_TIMEOUT_SECONDS) -> None:
        if not arguments or shutil.which(arguments[0]) is None:
            raise errors.BadOption(
                'The path switch "command" needs a program that can be run.',
                option='path_switch', program=next(iter(arguments), ''))
        self._arguments = list(arguments)
        self._timeout_seconds = timeout_seconds

    def switch(self, ends: Ends) -> None:
        """See :class:`PathSwitch`."""
        self._run('switch', ends, errors.ApplyFailed)

    def switch_back(self, ends: Ends) -> None:
        """See :class:`PathSwitch`."""
        self._run('switch-back', ends, errors.RevertFailed)

    def _run(self, verb: str, ends: Ends,
             failure: type[errors.LedgerError]) -> None:
        environment = {
            'PATH': os.environ.get('PATH', os.defpath),
            'MIGRATION_ID': ends.migration_id,
            'SOURCE': ends.source, 'SOURCE_UUID': ends.source_uuid,
            'DESTINATION': ends.destination,
            'DESTINATION_UUID': ends.destination_uuid}
        try:
            done = subprocess.run(
                [*self._arguments, verb], env=environment, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, errors='replace',
                timeout=self._timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise failure(
                f'The path switch took more than {self._timeout_seconds:g} '
                'seconds.', verb=verb) from error
        except OSError as error:
            raise failure(f'The path switch did not run: {error.strerror}.',
                          verb=verb) from error
        if done.returncode:
            raise failure(
                f'The path switch ended with status {done.returncode}.',
                verb=verb, status=done.returncode,
                output=done.stdout[-_OUTPUT_MAX_CHARS:])


def load(description: Sequence[str]) -> PathSwitch:
    """Return the driver that a migration names.

    :param description: the driver's name, then its arguments
    :raises BadOption: there is no such driver, or it refuses the arguments
    """
    try:
        manager: stevedore_driver.DriverManager[Any]
        manager = stevedore_driver.DriverManager(
            NAMESPACE, description[0], invoke_on_load=True,
            invoke_args=(tuple(description[1:]),))
    except stevedore_exception.NoMatches as error:
        raise errors.BadOption(
            f'There is no path switch {description[0]!r}.',
            option='path_switch') from error
    switch: Any = manager.driver
    return switch
