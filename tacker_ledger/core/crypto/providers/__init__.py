# SPDX-License-Identifier: Apache-2.0
"""The one provider of cryptography that a process uses.

Two libraries can stand behind it and nothing shows which: ``cryptography``
(OpenSSL; nodes, where speed counts) and ``pycryptodome`` (VNFs and tenants,
which then need no system library).  A library is imported when it is
chosen, so an image holds the one it uses.
"""

from collections.abc import Callable

from tacker_ledger.core.crypto.providers import base
from tacker_ledger.core import errors


def _cryptography() -> base.Provider:
    from tacker_ledger.core.crypto.providers import openssl
    return openssl.Provider()


def _pycryptodome() -> base.Provider:
    from tacker_ledger.core.crypto.providers import pycryptodome
    return pycryptodome.Provider()


#: In order of preference. A library is imported when it is asked for.
_MAKERS: dict[str, Callable[[], base.Provider]] = {
    'cryptography': _cryptography,
    'pycryptodome': _pycryptodome,
}
_current: base.Provider | None = None


def names() -> tuple[str, ...]:
    """Return the names :func:`load` knows, the preferred one first."""
    return tuple(_MAKERS)


def load(name: str) -> base.Provider:
    """Return a new provider, not made the default.

    :raises BadOption: the name is unknown or its library not installed
    """
    if name not in _MAKERS:
        raise errors.BadOption(f'there is no provider {name!r}',
                               known=list(_MAKERS))
    try:
        return _MAKERS[name]()
    except ImportError as exc:
        raise errors.BadOption(
            f'the library of the provider {name!r} is not installed',
            reason=str(exc)) from exc


def use(provider: str | base.Provider) -> base.Provider:
    """Make a provider the default of this process and return it.

    Services call this once at start; drivers from outside this package
    are passed as objects.

    :param provider: a name or a provider
    :raises BadOption: the name is unknown or its library not installed
    """
    global _current  # noqa: PLW0603
    if isinstance(provider, str):
        provider = load(provider)
    _current = provider
    return provider


def default() -> base.Provider:
    """Return the provider in use; at first call the first installed.

    :raises BadOption: no library is installed
    """
    if _current is not None:
        return _current
    for name in _MAKERS:
        try:
            return use(name)
        except errors.BadOption:
            continue
    raise errors.BadOption('no library for cryptography is installed',
                           known=list(_MAKERS))
