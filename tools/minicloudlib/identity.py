# SPDX-License-Identifier: Apache-2.0
"""Fills an empty Keystone through its API, with the standard library."""

import json
import urllib.error
import urllib.parse
import urllib.request


class Identity:
    """An administrator's session."""

    def __init__(self, url: str, password: str):
        self.url = url
        self._token = None
        scope = {'project': {'name': 'admin', 'domain': {'id': 'default'}}}
        user = {'name': 'admin', 'password': password,
                'domain': {'id': 'default'}}
        headers, _body = self._send('POST', '/auth/tokens', {'auth': {
            'identity': {'methods': ['password'], 'password': {'user': user}},
            'scope': scope}})
        self._token = headers['X-Subject-Token']

    def _send(self, method: str, path: str, body: dict | None = None):
        request = urllib.request.Request(
            self.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={'Content-Type': 'application/json',
                     **({'X-Auth-Token': self._token} if self._token
                        else {})})
        # no proxy of the machine stands between loopback and loopback
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as reply:
            text = reply.read()
            return reply.headers, json.loads(text) if text else None

    def ensure(self, kind: str, name: str, **extra) -> str:
        """Return the id of what has that name, made when it is not there.

        :param kind: singular, as in the API: project, user, role, service
        """
        query = urllib.parse.urlencode({'name': name})
        _headers, body = self._send('GET', f'/{kind}s?{query}')
        if body[f'{kind}s']:
            return body[f'{kind}s'][0]['id']
        _headers, body = self._send(
            'POST', f'/{kind}s', {kind: {'name': name, **extra}})
        return body[kind]['id']

    def grant(self, project: str, user: str, role: str):
        """Give a user a role in a project; all three are ids."""
        self._send('PUT', f'/projects/{project}/users/{user}/roles/{role}')

    def endpoints(self, service: str, region: str, url: str):
        """Announce where a service answers, on all three interfaces."""
        query = urllib.parse.urlencode({'service_id': service})
        _headers, body = self._send('GET', f'/endpoints?{query}')
        known = {item['interface'] for item in body['endpoints']}
        for interface in {'public', 'internal', 'admin'} - known:
            self._send('POST', '/endpoints', {'endpoint': {
                'service_id': service, 'interface': interface,
                'region_id': region, 'url': url}})


def answers(url: str) -> bool:
    """Return whether an API says anything sensible at that address."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=60):
            return True
    except urllib.error.HTTPError as exc:
        return exc.code < 500
    except OSError:
        return False
