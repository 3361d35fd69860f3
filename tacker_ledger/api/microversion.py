# SPDX-License-Identifier: Apache-2.0
"""Which version of the interface a request asks for.

The path names the major version.  Additions within it get microversions in
the way of OpenStack's API working group: a client may send
``OpenStack-API-Version: vnf-ledger 1.0`` (or ``latest``) and is answered in
that version or not at all (406).  Without the header it is the lowest one.

=== ======================================================================
1.0 the first
1.1 status: how far behind, why it does not vote, conditions, evidence,
    peers, held bodies, dates of expiry; peers: view, when heard last;
    evidence: the federation document it is about
=== ======================================================================
"""

from typing import Any

from tacker_ledger.core import errors

SERVICE_TYPE = 'vnf-ledger'
HEADER = 'OpenStack-API-Version'
MINIMUM = (1, 0)
MAXIMUM = (1, 1)
_HEADER_MAX_CHARS = 256


def text(version: tuple[int, int]) -> str:
    """Return ``1.0`` for (1, 0)."""
    return f'{version[0]}.{version[1]}'


def requested(header: str | None) -> tuple[int, int]:
    """Return the version that a header asks for.

    :param header: its value, maybe naming other services too
    :raises UnsupportedVersion: not a version, or one not served here
    """
    if not header:
        return MINIMUM
    for part in header[:_HEADER_MAX_CHARS].split(','):
        service, _, wanted = part.strip().partition(' ')
        if service.lower() != SERVICE_TYPE:
            continue
        wanted = wanted.strip()
        if wanted == 'latest':
            return MAXIMUM
        major, _, minor = wanted.partition('.')
        if (major.isdecimal() and minor.isdecimal() and len(wanted) < 10
                and MINIMUM <= (int(major), int(minor)) <= MAXIMUM):
            return (int(major), int(minor))
        error = errors.UnsupportedVersion(
            f'Version {wanted[:20]!r} is not served.',
            minimum=text(MINIMUM), maximum=text(MAXIMUM))
        error.http_status = 406
        raise error
    return MINIMUM


def negotiate(header: str | None, resp: Any) -> tuple[int, int]:
    """Return the version to answer in and say so in the response.

    :raises UnsupportedVersion: with status 406
    """
    version = requested(header)
    if header:
        resp.set_header(HEADER, f'{SERVICE_TYPE} {text(version)}')
        resp.append_header('Vary', HEADER)
    return version


def document(public_url: str = '') -> dict[str, Any]:
    """Return the version document that ``GET /`` answers with."""
    return {'versions': [{
        'id': 'v1', 'status': 'CURRENT',
        'min_version': text(MINIMUM), 'version': text(MAXIMUM),
        'links': [{'rel': 'self', 'href': f'{public_url}/v1/'},
                  {'rel': 'describedby', 'type': 'application/json',
                   'href': f'{public_url}/v1/openapi.json'}]}]}
