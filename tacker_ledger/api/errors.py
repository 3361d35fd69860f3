# SPDX-License-Identifier: Apache-2.0
"""Errors as HTTP answers: ``{"code", "message", "details"}`` and a status.

The same for both doors.  ``Retry-After`` goes with 429 and 503; what the
error itself names (``details["retry_after_seconds"]``) is kept, otherwise it
is drawn, so that a thousand refused clients do not come back together.
"""

import json
import random
import secrets
from typing import Any

import falcon
from oslo_log import log as logging

from tacker_ledger.core import errors

LOG = logging.getLogger(__name__)

RETRY_MIN_SECONDS = 1
RETRY_SPREAD_SECONDS = 4
_DETAILS_MAX_CHARS = 16 * 1024

#: HTTP conditions that have no class of their own in the tree of errors.
_OF_STATUS = {400: errors.Malformed, 401: errors.Unauthenticated,
              403: errors.Forbidden, 404: errors.NotFound,
              405: errors.BadOption, 406: errors.UnsupportedVersion,
              411: errors.Malformed, 413: errors.TooLarge,
              414: errors.TooLarge, 415: errors.BadOption,
              429: errors.RateLimited, 503: errors.Busy}
_GENERATOR: random.Random = secrets.SystemRandom()


def retry_after_seconds(spread_seconds: int = RETRY_SPREAD_SECONDS) -> int:
    """Return a jittered pause for a client that has to come back."""
    return _GENERATOR.randint(RETRY_MIN_SECONDS,
                              RETRY_MIN_SECONDS + spread_seconds)


def body_of(error: errors.LedgerError) -> bytes:
    """Return the JSON of an error, bounded."""
    data = error.to_dict()
    text = json.dumps(data, default=str)
    if len(text) > _DETAILS_MAX_CHARS:
        text = json.dumps({**data, 'message': error.message[:1024],
                           'details': {}})
    return text.encode()


def write(resp: Any, error: errors.LedgerError,
          status: int | None = None) -> None:
    """Make a Falcon response out of an error."""
    status = status or error.http_status
    resp.status = status
    resp.content_type = 'application/json'
    resp.data = body_of(error)
    # what was rendered before the error does not count
    resp.text = None
    resp.stream = None
    resp.set_header('Cache-Control', 'no-store')
    if status in (429, 503):
        named = error.details.get('retry_after_seconds')
        seconds = (max(1, min(3600, round(named)))
                   if isinstance(named, int | float)
                   else retry_after_seconds())
        resp.set_header('Retry-After', str(seconds))


def of_http(error: falcon.HTTPError) -> tuple[errors.LedgerError, int]:
    """Return our error for one that Falcon raised, and its status."""
    status = error.status_code
    cls = _OF_STATUS.get(status, errors.Malformed if status < 500
                         else errors.LedgerError)
    return cls(error.description or error.title or 'HTTP error'), status


def write_http(resp: Any, error: falcon.HTTPError) -> None:
    """Make a Falcon response out of an error that Falcon raised."""
    ours, status = of_http(error)
    write(resp, ours, status)
    for name, value in dict(error.headers or {}).items():
        resp.set_header(name, value)


def write_unexpected(resp: Any, error: Exception, method: str,
                     path: str) -> None:
    """Log a fault of ours and say nothing about it but that there is one."""
    LOG.error('%s %s failed', method, path[:200], exc_info=error)
    write(resp, errors.LedgerError('The service has an internal fault.'))
