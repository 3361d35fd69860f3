# SPDX-License-Identifier: Apache-2.0
"""The operator door of a laptop: everybody on this machine is an operator.

Only for loopback.  A page in a browser of this machine is not an operator:
its requests name another host (a rebound name) or come from another origin,
and both are refused.
"""

import ipaddress
from typing import Any
import urllib.parse

from tacker_ledger.api import errors as api_errors
from tacker_ledger.core import errors

_IDENTITY = {
    'HTTP_X_IDENTITY_STATUS': 'Confirmed', 'HTTP_X_ROLES': 'admin,reader',
    'HTTP_X_USER_ID': 'noauth', 'HTTP_X_USER_NAME': 'noauth',
    'HTTP_X_PROJECT_ID': 'noauth', 'HTTP_X_PROJECT_NAME': 'noauth'}


class NoAuth:
    """WSGI middleware in the place of Keystone's.

    :param application: what is called next
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if not _from_here(environ):
            error = errors.Forbidden(
                'Without Keystone the operator door is for this machine '
                'alone.')
            start_response('403 Forbidden', [
                ('Content-Type', 'application/json')])
            return [api_errors.body_of(error)]
        environ = {name: value for name, value in environ.items()
                   if not name.startswith(('HTTP_X_ROLE', 'HTTP_X_USER',
                                           'HTTP_X_PROJECT',
                                           'HTTP_X_IDENTITY',
                                           'HTTP_OPENSTACK_SYSTEM_SCOPE'))}
        return self._application({**environ, **_IDENTITY}, start_response)


def _from_here(environ: dict[str, Any]) -> bool:
    origin = environ.get('HTTP_ORIGIN')
    names = [environ.get('REMOTE_ADDR', ''),
             _host(f'//{environ.get("HTTP_HOST", "")}')]
    if origin is not None:
        names.append(_host(origin))
    return all(_is_loopback(name) for name in names)


def _host(url: str) -> str:
    try:
        return urllib.parse.urlsplit(url).hostname or ''
    except ValueError:
        return ''


def _is_loopback(host: str) -> bool:
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
