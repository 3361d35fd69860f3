# SPDX-License-Identifier: Apache-2.0
"""MariaDB, with one account that may make databases."""

import getpass
import subprocess

from minicloudlib import layout
from minicloudlib import part

USER = 'tacker_ledger'


class MariaDB(part.Part):
    """One server; ``url_pattern`` wants the name of a database."""

    name = 'mariadb'
    ports = ('mariadb',)
    process_names = ('mariadb',)

    def install(self):
        for program in ('mariadbd', 'mariadb-install-db', 'mariadb'):
            part.find_program(program, 'mariadb-server')

    @property
    def _datadir(self):
        return self.data / 'mysql'

    def configure(self):
        # Read by the server at every start: no other account is needed.
        layout.write_private(self.etc / 'accounts.sql', (
            f"CREATE USER IF NOT EXISTS '{USER}'@'{layout.HOST}';\n"
            f"ALTER USER '{USER}'@'{layout.HOST}' IDENTIFIED BY "
            f"'{self.where.password('mariadb')}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'{layout.HOST}' "
            'WITH GRANT OPTION;\n'))
        layout.write_private(self.etc / 'client.cnf', (
            '[client]\n'
            f'host = {layout.HOST}\nport = {self.where.port("mariadb")}\n'
            f'user = {USER}\npassword = {self.where.password("mariadb")}\n'
            'protocol = tcp\n'))

    def create(self):
        user = getpass.getuser()
        self.call([
            part.find_program('mariadb-install-db', 'mariadb-server'),
            '--no-defaults', f'--user={user}', f'--datadir={self._datadir}',
            '--auth-root-authentication-method=socket',
            f'--auth-root-socket-user={user}', '--skip-test-db'])

    def start(self):
        self.spawn('mariadb', [
            part.find_program('mariadbd', 'mariadb-server'),
            '--no-defaults', f'--user={getpass.getuser()}',
            f'--datadir={self._datadir}',
            # short, for the path of a socket is limited
            '--socket=mysqld.sock', '--pid-file=mysqld.pid',
            f'--bind-address={layout.HOST}',
            f'--port={self.where.port("mariadb")}',
            f'--init-file={self.etc / "accounts.sql"}',
            '--skip-name-resolve', '--max-connections=1000',
            '--character-set-server=utf8mb4',
            # data of tests: speed counts, a power cut does not
            '--innodb-buffer-pool-size=256M',
            '--innodb-flush-log-at-trx-commit=0', '--sync-binlog=0'])

    def query(self, text: str) -> str:
        """Run statements as the account of the tests."""
        return self.call([
            part.find_program('mariadb', 'mariadb-client'),
            f'--defaults-file={self.etc / "client.cnf"}',
            '--batch', '--skip-column-names'], text=text)

    def ready(self) -> bool:
        done = subprocess.run([
            part.find_program('mariadb', 'mariadb-client'),
            f'--defaults-file={self.etc / "client.cnf"}',
            '--connect-timeout=5', '-e', 'SELECT 1'], capture_output=True)
        return done.returncode == 0

    def database(self, name: str) -> str:
        """Return the URL of a database, made when it is not there."""
        self.query(f'CREATE DATABASE IF NOT EXISTS {name};')
        return self.facts()['url_pattern'].format(database=name)

    def facts(self) -> dict:
        port = self.where.port('mariadb')
        password = self.where.password('mariadb')
        return {
            'host': layout.HOST, 'port': port, 'user': USER,
            'password': password,
            'url_pattern': f'mysql+pymysql://{USER}:{password}@{layout.HOST}'
                           f':{port}/{{database}}?charset=utf8mb4',
        }
