# SPDX-License-Identifier: Apache-2.0
"""Calls to a Bitcoin node, by python-bitcoinrpc.

Each call has a proxy of its own: a proxy that was idle for 30 s, or was
refused once, is of no use any more, and none may be shared by threads.
Whatever goes wrong is one :class:`~.errors.BitcoinFailed` with a reason.
"""

import base64
import dataclasses
import http.client
import os
import pathlib
import stat
from typing import Any
import urllib.parse

from bitcoinrpc import authproxy

from tacker_ledger.bitcoin import connection
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import transaction

#: By network: hash of the first block, confirmations that make final.
NETWORKS = {
    'main': (('000000000019d6689c085ae165831e93'
             '4ff763ae46a2a6c172b3f1b60a8ce26f'), 6),
    'testnet4': (('00000000da84f2bafbbc53dee25a72ae'
                 '507ff4914b867c565be350b0da8bf043'), 12),
    'signet': (('00000008819873e925422c1ff0f99f7c'
               'c9bbb232af63a077a480a3633bee1ef6'), 2),
    'regtest': (('0f9188f13cb7b2c71f2a335e3a4fc328'
                'bf5beb436012afca590b1a11466e2206'), 1),
}
_PASSWORD_MAX_BYTES = 1024
#: Bitcoin's numbers (src/rpc/protocol.h) that have a meaning here.
_REASONS = {
    -4: 'rejected', -5: 'not-found', -6: 'wallet-empty', -8: 'not-found',
    -18: 'no-wallet', -25: 'rejected', -26: 'rejected', -27: 'rejected',
    -28: 'warming-up',
}
#: A wallet of that name is loaded already.
ALREADY_LOADED = -35
_MESSAGE_MAX_CHARS = 300


@dataclasses.dataclass(frozen=True, slots=True)
class Chain:
    """Which chain is meant.

    :param name: as the options have it
    :param genesis: hash of block 0
    :param pinned: height and hash of a later block, or None
    """

    name: str
    genesis: str
    pinned: tuple[int, str] | None = None


class Client:
    """Calls one node; safe to share between threads.

    :param url: ``http://HOST:PORT`` or ``https://...``, no password in it
    :param cookie_file: holds ``user:password``; read at every call because
        the node writes it anew when it starts
    :param password_file: the same, kept by a person; others may not read it
    :raises BadOption: an address or a combination of no use
    """

    def __init__(self, url: str, *, cookie_file: str = '',
                 password_file: str = '', timeout_seconds: float = 30.0,
                 wallet: str = '') -> None:
        parts = urllib.parse.urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = None
        if (parts.scheme not in ('http', 'https') or not parts.hostname
                or not port or parts.username is not None
                or parts.path not in ('', '/') or parts.query):
            raise errors.BadOption(
                'url of [bitcoin] has to be http://HOST:PORT without user '
                'and password')
        if bool(cookie_file) == bool(password_file):
            raise errors.BadOption(
                'One of cookie_file and password_file of [bitcoin] has to '
                'be set')
        self._url = url.rstrip('/')
        self._host, self._port = parts.hostname, port
        self._is_encrypted = parts.scheme == 'https'
        self._cookie_file = cookie_file
        self._password_file = password_file
        self._timeout_seconds = timeout_seconds
        self._path = (f'/wallet/{urllib.parse.quote(wallet, safe="")}'
                      if wallet else '/')

    def wallet(self, name: str) -> 'Client':
        """Return a client whose calls mean that wallet."""
        return Client(self._url, cookie_file=self._cookie_file,
                      password_file=self._password_file,
                      timeout_seconds=self._timeout_seconds, wallet=name)

    def call(self, method: str, *parameters: Any) -> Any:
        """Return what the node answers; amounts are ``Decimal``.

        :raises BitcoinFailed: it does not answer, or with an error; the
            details hold the node's number as ``number``
        """
        exchange = connection.Connection(
            self._host, self._port, self._is_encrypted,
            self._authorization(), self._timeout_seconds)
        # the password goes in by the connection: one with "@" or "/" in it
        # would break the address apart
        proxy = authproxy.AuthServiceProxy(
            f'http://-:-@{self._host_in_url()}:{self._port}{self._path}',
            method, timeout=self._timeout_seconds, connection=exchange)
        try:
            return proxy(*parameters)
        except authproxy.JSONRPCException as exc:
            raise _from_node(method, exc, exchange.status) from None
        except TimeoutError:
            raise errors.BitcoinFailed(
                f'The Bitcoin node did not answer {method} within '
                f'{self._timeout_seconds:g} s', 'timeout',
                method=method) from None
        except connection.AnswerTooLarge:
            raise errors.BitcoinFailed(
                f'The Bitcoin node answers {method} without end',
                'bad-answer', method=method) from None
        except (OSError, http.client.HTTPException) as exc:
            raise errors.BitcoinFailed(
                f'The Bitcoin node at {self._host}:{self._port} cannot be '
                f'reached: {type(exc).__name__}', 'unreachable',
                method=method) from None
        except (ValueError, KeyError, TypeError, AttributeError,
                RecursionError):
            raise errors.BitcoinFailed(
                f'The Bitcoin node\'s answer to {method} cannot be read',
                'bad-answer', method=method) from None
        finally:
            exchange.close()

    def check_chain(self, chain: Chain) -> None:
        """Make sure that the node follows that chain.

        :raises BitcoinFailed: ``wrong-network`` if it does not
        """
        genesis = self.call('getblockhash', 0)
        if genesis != chain.genesis:
            raise errors.BitcoinFailed(
                f'The Bitcoin node is not on {chain.name}: its first block '
                'is another', 'wrong-network', expected=chain.genesis,
                found=str(genesis))
        if chain.pinned is None:
            return
        height, expected = chain.pinned
        try:
            found = self.call('getblockhash', height)
        except errors.BitcoinFailed as exc:
            if exc.reason != 'not-found':
                raise
            raise errors.BitcoinFailed(
                f'The Bitcoin node has no block {height} yet, which tells '
                'its chain from others', 'wrong-network',
                height=height) from None
        if found != expected:
            raise errors.BitcoinFailed(
                f'The Bitcoin node follows a fork of {chain.name}: its '
                f'block {height} is another', 'wrong-network',
                expected=expected, found=str(found), height=height)

    def _host_in_url(self) -> str:
        return f'[{self._host}]' if ':' in self._host else self._host

    def _authorization(self) -> str:
        """Return the header's value.

        :raises BitcoinFailed: the file cannot be read; a node that is down
            has no cookie, hence ``unreachable``
        """
        path = pathlib.Path(self._cookie_file or self._password_file)
        try:
            with open(path, 'rb') as handle:
                mode = os.fstat(handle.fileno()).st_mode
                words = handle.read(_PASSWORD_MAX_BYTES + 1).strip()
        except FileNotFoundError:
            raise errors.BitcoinFailed(
                f'{path.name} of the Bitcoin node is not there',
                'unreachable' if self._cookie_file
                else 'unauthorized') from None
        except OSError as exc:
            raise errors.BitcoinFailed(
                f'{path.name} of the Bitcoin node cannot be read: '
                f'{exc.strerror}', 'unauthorized') from None
        if self._password_file and stat.S_IMODE(mode) & 0o077:
            raise errors.BitcoinFailed(
                f'{path.name} may be read by others than its owner',
                'unauthorized')
        if b':' not in words or len(words) > _PASSWORD_MAX_BYTES:
            raise errors.BitcoinFailed(
                f'{path.name} does not hold user:password', 'unauthorized')
        return 'Basic ' + base64.b64encode(words).decode('ascii')

    def __repr__(self) -> str:
        return f'Client({self._url!r})'


def _from_node(method: str, exc: authproxy.JSONRPCException,
               status: int) -> errors.BitcoinFailed:
    """Return the one error for what the node, or the library, said."""
    number = exc.code if isinstance(exc.code, int) else 0
    said = str(exc.message)[:_MESSAGE_MAX_CHARS]
    if status in (401, 403):
        return errors.BitcoinFailed(
            'The Bitcoin node refuses user and password',
            'unauthorized', method=method)
    if status == 503:
        return errors.BitcoinFailed('The Bitcoin node is too busy',
                                    'warming-up', method=method)
    if number in (-342, -343):
        return errors.BitcoinFailed(
            f'The Bitcoin node\'s answer to {method} cannot be read',
            'bad-answer', method=method)
    reason = _REASONS.get(number, 'rejected')
    if 'missingorspent' in said:
        reason = 'inputs-spent'
    return errors.BitcoinFailed(
        f'The Bitcoin node refuses {method}: {said}', reason,
        method=method, number=number)


def client(options: Any) -> Client:
    """Return the client that the options of ``[bitcoin]`` describe."""
    return Client(options.url, cookie_file=options.cookie_file,
                  password_file=options.password_file,
                  timeout_seconds=options.timeout_seconds)


def chain(options: Any) -> Chain:
    """Return the chain that the options of ``[bitcoin]`` mean.

    :raises BadOption: a hash or ``pinned_block`` that is none
    """
    pinned = None
    try:
        genesis = transaction.check_txid(
            options.genesis_block_hash or NETWORKS[options.network][0])
        if options.pinned_block:
            height, _, digest = options.pinned_block.partition(':')
            pinned = (int(height), transaction.check_txid(digest))
    except (errors.Malformed, ValueError):
        raise errors.BadOption(
            'genesis_block_hash of [bitcoin] is a hash of 64 digits, '
            'pinned_block HEIGHT:HASH') from None
    return Chain(options.network, genesis, pinned)


def final_depth(options: Any) -> int:
    """Return how many confirmations make an anchor final."""
    return int(options.final_depth if options.final_depth >= 0
               else NETWORKS[options.network][1])
