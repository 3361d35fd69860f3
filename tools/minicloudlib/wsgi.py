# SPDX-License-Identifier: Apache-2.0
"""OpenStack's APIs come as WSGI modules; gunicorn serves them."""

import pathlib

from minicloudlib import layout
from minicloudlib import part

_OPTIONS = """\
wsgi_app = {application!r}
bind = '{host}:{port}'
workers = 1
worker_class = 'gthread'
threads = 8
timeout = 180
keepalive = 75
control_socket_disable = True
"""


def serve(owner: part.Part, name: str, application: str, port: int,
          venv: pathlib.Path, environ: dict):
    """Start ``application`` as the process ``name`` of a part.

    The options travel in a file because the services parse ``sys.argv``.
    """
    options = owner.etc / f'gunicorn-{name}.py'
    options.write_text(_OPTIONS.format(
        application=application, host=layout.HOST, port=port))
    owner.spawn(name, [venv / 'bin' / 'gunicorn'], {
        **environ, 'GUNICORN_CMD_ARGS': f'-c {options}'})
