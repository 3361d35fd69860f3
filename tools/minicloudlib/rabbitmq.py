# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ, with a private port mapper and data of its own."""

import pathlib

from minicloudlib import layout
from minicloudlib import part
from minicloudlib import processes

USER = 'tacker-ledger'


class RabbitMQ(part.Part):
    """One broker, reached as ``transport_url``."""

    name = 'rabbitmq'
    ports = ('epmd', 'rabbitmq', 'rabbitmq-distribution')
    process_names = ('epmd', 'rabbitmq')

    def install(self):
        self.program('rabbitmq-server')
        part.find_program('epmd', 'rabbitmq-server')

    @staticmethod
    def program(name: str) -> pathlib.Path:
        """Return a program as shipped: Debian's wrappers insist on a user.
        """
        found = sorted(pathlib.Path('/usr/lib/rabbitmq/lib').glob(
            f'rabbitmq_server-*/sbin/{name}'))
        if not found:
            raise part.Missing(
                f'{name} is not installed (Debian package rabbitmq-server)')
        return found[-1]

    def configure(self):
        layout.write_private(self.etc / 'rabbitmq.conf', '\n'.join((
            f'listeners.tcp.1 = {layout.HOST}:{self.where.port("rabbitmq")}',
            f'default_user = {USER}',
            f'default_pass = {self.where.password("rabbitmq")}',
            'loopback_users = none',
            'log.console = false',
            'vm_memory_high_watermark.absolute = 512MB',
            'disk_free_limit.absolute = 50MB', '')))
        layout.write_private(self.etc / 'enabled_plugins', '[].\n')

    def environment(self) -> dict:
        """Return what both the broker and its tools want to know."""
        return {
            'HOME': self.data,  # of the cookie
            'ERL_EPMD_ADDRESS': layout.HOST,
            'ERL_EPMD_PORT': self.where.port('epmd'),
            'RABBITMQ_NODENAME':
                f'ledger-{self.where.port("rabbitmq")}@localhost',
            'RABBITMQ_NODE_IP_ADDRESS': layout.HOST,
            'RABBITMQ_NODE_PORT': self.where.port('rabbitmq'),
            'RABBITMQ_DIST_PORT': self.where.port('rabbitmq-distribution'),
            'RABBITMQ_MNESIA_BASE': self.data / 'mnesia',
            'RABBITMQ_LOG_BASE': self.where.logs,
            'RABBITMQ_CONF_ENV_FILE': '/dev/null',
            'RABBITMQ_CONFIG_FILE': self.etc / 'rabbitmq.conf',
            'RABBITMQ_ENABLED_PLUGINS_FILE': self.etc / 'enabled_plugins',
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS':
                '-kernel inet_dist_use_interface {127,0,0,1}',
        }

    def start(self):
        self.spawn('epmd', [
            part.find_program('epmd', 'rabbitmq-server'), '-address',
            layout.HOST, '-port', self.where.port('epmd')])
        self.spawn('rabbitmq', [self.program('rabbitmq-server')],
                   self.environment())

    def ready(self) -> bool:
        return processes.port_open(self.where.port('rabbitmq'))

    def facts(self) -> dict:
        port = self.where.port('rabbitmq')
        password = self.where.password('rabbitmq')
        return {
            'host': layout.HOST, 'port': port, 'user': USER,
            'password': password,
            'transport_url': f'rabbit://{USER}:{password}@{layout.HOST}:'
                             f'{port}/',
        }
