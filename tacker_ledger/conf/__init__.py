# SPDX-License-Identifier: Apache-2.0
"""Options of every service, and the making of a configuration object.

No library reads a global configuration: programs call :func:`make_conf`
and hand the result on.  A wrong or missing setting raises ``bad-option``
with the option's name before anything is started.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import pathlib
from typing import Any

from oslo_config import cfg

from tacker_ledger.conf import opts
from tacker_ledger.core import errors

PROJECT = 'tacker-ledger'

#: Options with such names hold paths.
_PATH_SUFFIXES = ('_file', '_directory', 'federation_document')

NODE = opts.NODE
PUBLISHER = opts.PUBLISHER
TENANT_CLIENT = opts.TENANT_CLIENT
VALIDATOR = opts.VALIDATOR
VNF_CLIENT = opts.VNF_CLIENT


def make_conf(argv: Sequence[str] = (), *,
              groups: Iterable[tuple[Any, Iterable[Any]]] = NODE,
              prog: str = PROJECT,
              version: str | None = None,
              register: Iterable[Any] = (),
              default_config_files: Sequence[str] | None = None,
              ) -> cfg.ConfigOpts:
    """Return a configuration object with parsed and checked options.

    :param argv: arguments without the program's name, among them
        ``--config-file``
    :param groups: (group, options) pairs to register
    :param register: functions which register more on the object, for
        example ``oslo_log.log.register_options``
    :param default_config_files: where to look when argv names no file
    Relative paths are taken from the directory of the last file.

    :raises BadOption: a file cannot be read, or an option is missing or
        has a value that is not allowed; the message names it
    """
    conf = cfg.ConfigOpts()
    register_groups(conf, groups)
    for function in register:
        function(conf)
    extra: dict[str, Any] = {}
    if default_config_files is not None:
        extra['default_config_files'] = list(default_config_files)
    try:
        conf(list(argv), project=PROJECT, prog=prog, version=version, **extra)
    except cfg.RequiredOptError as error:
        raise missing(error.opt_name, _group_name(error.group)) from error
    except cfg.Error as error:
        raise errors.BadOption(f'Configuration: {error}') from error
    check(conf, groups)
    _anchor_paths(conf, groups)
    return conf


def register_groups(conf: cfg.ConfigOpts,
                    groups: Iterable[tuple[Any, Iterable[Any]]]) -> None:
    """Register (group, options) pairs on a configuration object."""
    for group, options in groups:
        # the object given would share its values with every other
        # configuration object that it is registered on
        conf.register_group(cfg.OptGroup(group.name, group.title,
                                         group.help))
        conf.register_opts(list(options), group=group.name)


def check(conf: cfg.ConfigOpts,
          groups: Iterable[tuple[Any, Iterable[Any]]]) -> None:
    """Read every option once, since oslo.config parses values lazily."""
    for group, options in groups:
        for option in options:
            try:
                conf[group.name][option.dest]
            except (cfg.Error, ValueError) as error:
                # oslo.config puts where it read the value before the reason
                reason = str(error).rpartition(' is not valid: ')[2]
                raise bad(option.name, group.name, reason) from error


def _anchor_paths(conf: cfg.ConfigOpts,
                  groups: Iterable[tuple[Any, Iterable[Any]]]) -> None:
    """Take relative paths from the directory of the configuration file.

    So a node's directory can be made on one host and copied to another.
    """
    files = conf.config_file
    if not files:
        return
    directory = pathlib.Path(files[-1]).resolve().parent
    for group, options in groups:
        for option in options:
            value = (conf[group.name][option.dest]
                     if option.dest.endswith(_PATH_SUFFIXES) else '')
            if value and not value.startswith('~'):
                conf.set_override(option.dest, str(directory / value),
                                  group.name)


def bad(option: str, group: str, reason: str) -> errors.BadOption:
    """Return the error about a value that is not allowed."""
    return errors.BadOption(f'Option {option} in [{group}]: {reason}',
                            option=option, group=group)


def missing(option: str, group: str) -> errors.BadOption:
    """Return the error about an option without a value."""
    return errors.BadOption(f'Option {option} in [{group}] is required.',
                            option=option, group=group)


def _group_name(group: Any) -> str:
    return 'DEFAULT' if group is None else str(group.name)
