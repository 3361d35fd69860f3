# SPDX-License-Identifier: Apache-2.0
"""A Bitcoin node on a chain of its own (regtest), where tests mine.

The node named by ``BITCOIND``, else one on PATH, else Debian's from its
unstable suite, unpacked into the cloud's directory.
"""

import base64
import contextlib
import http.client
import os
import pathlib
import shutil
import subprocess
import urllib.parse

from minicloudlib import layout
from minicloudlib import part

PACKAGE = 'bitcoin-knots'
KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
#: What apt is told to leave alone; the rest is the machine's own.
_CLEAR = ('APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success',
          'DPkg::Post-Invoke', 'DPkg::Pre-Install-Pkgs')


class Bitcoind(part.Part):
    """One node; tests talk to it by its cookie and make wallets."""

    name = 'bitcoind'
    ports = ('bitcoind', 'bitcoind-peers')
    process_names = ('bitcoind',)

    def install(self):
        self.program()

    def program(self) -> list[str]:
        """Return the words that start the node, fetched when needed."""
        named = os.environ.get('BITCOIND')
        if named:
            path = shutil.which(named)
            if not path:
                raise part.Missing(f'BITCOIND={named} is no program')
            return [path]
        path = shutil.which('bitcoind')
        return [path] if path else Unpacked(self).command()

    def configure(self):
        layout.write_private(self.etc / 'bitcoin.conf', '\n'.join((
            'regtest=1', 'server=1', 'txindex=1', 'disablewallet=0',
            'listen=0', 'dnsseed=0', 'upnp=0', 'natpmp=0',
            'listenonion=0',
            # a young chain knows no fees
            'fallbackfee=0.0001',
            '[regtest]', f'rpcbind={layout.HOST}',
            f'rpcallowip={layout.HOST}',
            f'rpcport={self.where.port("bitcoind")}',
            f'port={self.where.port("bitcoind-peers")}', '')))

    def start(self):
        self.spawn('bitcoind', [
            *self.program(), f'-datadir={self.data}',
            f'-conf={self.etc / "bitcoin.conf"}', '-printtoconsole=1',
            '-debuglogfile=0'])

    @property
    def cookie(self) -> pathlib.Path:
        return self.data / 'regtest' / '.cookie'

    def ready(self) -> bool:
        """Return whether the node answers; it refuses while it warms up."""
        connection = http.client.HTTPConnection(
            layout.HOST, self.where.port('bitcoind'), timeout=2)
        with contextlib.closing(connection):
            try:
                connection.request(
                    'POST', '/', '{"method": "uptime", "params": []}',
                    {'Authorization': 'Basic ' + _basic(self.cookie)})
                return connection.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False

    def facts(self) -> dict:
        port = self.where.port('bitcoind')
        return {
            'url': f'http://{layout.HOST}:{port}', 'host': layout.HOST,
            'port': port, 'chain': 'regtest',
            'cookie_file': str(self.cookie), 'program': self.program()}


def _basic(cookie: pathlib.Path) -> str:
    return base64.b64encode(cookie.read_bytes().strip()).decode()


class Unpacked:
    """Debian's package and all it needs, beside its own loader.

    apt fetches into directories of its own and checks every package against
    the archive's signature; nothing is installed and the machine's lists
    stay as they are. The mirror and the proxy are the machine's.
    """

    def __init__(self, owner: part.Part):
        self.owner = owner
        self.home = owner.where.home / 'software' / PACKAGE

    def command(self) -> list[str]:
        """Return the words that start the node."""
        if not (self.home / '.complete').exists():
            self._fetch()
        loader = sorted(self.home.glob('usr/lib*/**/ld-linux*.so.*'))
        libraries = sorted({str(path.parent) for path in
                            self.home.glob('usr/lib/**/lib*.so.*')})
        if not loader:
            raise part.Failure(f'no loader of programs in {self.home}')
        return [str(loader[0]), '--library-path', ':'.join(libraries),
                str(self.home / 'usr' / 'bin' / 'bitcoind')]

    def _fetch(self):
        for program in ('apt-get', 'dpkg-deb'):
            if not shutil.which(program):
                raise part.Missing(
                    f'no bitcoind: BITCOIND is not set, PATH has none and '
                    f'{program} is not here to fetch Debian\'s')
        fresh = self.home.with_name(PACKAGE + '.new')
        shutil.rmtree(fresh, ignore_errors=True)
        apt = fresh / 'apt'
        for name in ('lists/partial', 'cache/archives/partial', 'parts'):
            (apt / name).mkdir(parents=True)
        (apt / 'status').touch()
        (apt / 'sources.list').write_text(
            f'deb [signed-by={KEYRING}] {mirror()} unstable main\n')
        # read after the machine's own, which may hold a proxy
        (apt / 'apt.conf').write_text(''.join(
            f'#clear {name};\n' for name in _CLEAR) + (
            f'Dir::State "{apt}";\n'
            f'Dir::State::Lists "{apt}/lists";\n'
            f'Dir::State::status "{apt}/status";\n'
            f'Dir::Cache "{apt}/cache";\n'
            f'Dir::Cache::Archives "{apt}/cache/archives";\n'
            f'Dir::Etc::SourceList "{apt}/sources.list";\n'
            f'Dir::Etc::SourceParts "{apt}/parts";\n'
            f'Dir::Etc::Preferences "{apt}/none";\n'
            f'Dir::Etc::PreferencesParts "{apt}/parts";\n'
            'APT::Get::AllowUnauthenticated "false";\n'
            'Acquire::AllowInsecureRepositories "false";\n'
            'APT::Sandbox::User "root";\nAPT::Default-Release "";\n'
            'APT::Keep-Downloaded-Packages "true";\n'
            'Acquire::Languages "none";\nAcquire::Retries "2";\n'))
        get = ['apt-get', '-q', '-c', apt / 'apt.conf']
        try:
            self.owner.call([*get, 'update', '--error-on=any'])
            self.owner.call([*get, 'install', '--yes', '--download-only',
                             '--no-install-recommends', PACKAGE])
        except part.Failure as exc:
            raise part.Missing(
                f'bitcoind could not be fetched; set BITCOIND: {exc}'
            ) from exc
        for package in sorted((apt / 'cache' / 'archives').glob('*.deb')):
            self.owner.call(['dpkg-deb', '-x', package, fresh])
        self._thin(fresh)
        (fresh / '.complete').touch()
        shutil.rmtree(self.home, ignore_errors=True)
        fresh.rename(self.home)

    @staticmethod
    def _thin(fresh: pathlib.Path):
        """Keep the node and shared libraries, nothing else."""
        for path in sorted(fresh.rglob('*'), reverse=True):
            keep = ('.so' in path.name
                    or path.name in ('bitcoind', 'bitcoin-cli'))
            if path.is_dir() and not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.rmdir()  # of what is left, the empty ones
            elif not keep:
                path.unlink()


def mirror() -> str:
    """Return the Debian mirror which this machine's apt uses."""
    try:
        done = subprocess.run(
            ['apt-get', 'indextargets', '--format', '$(REPO_URI)',
             'Created-By: Packages'], capture_output=True, text=True)
    except FileNotFoundError:
        raise part.Missing('no bitcoind, and no apt-get to fetch it') from None
    for line in done.stdout.split():
        path = urllib.parse.urlsplit(line).path.rstrip('/')
        if path.endswith('/debian'):
            return line
    raise part.Missing('apt here knows no mirror of Debian; set BITCOIND')
