# SPDX-License-Identifier: Apache-2.0
"""Pays for anchors, each of which spends output 0 of the one before.

An anchor's outputs are: 0, what the next anchor spends; 1, the 32 bytes;
2, the change.  A replacement with a higher fee is made here, of the same
inputs and outputs with less change: a wallet's own ``bumpfee`` moves outputs
and would break the chain.

Making is not sending: a transaction is returned signed, to be stored first.
Amounts are satoshi, fee rates satoshi per virtual byte.
"""

from collections.abc import Sequence
import dataclasses
import decimal
import math
from typing import Any

from tacker_ledger.bitcoin import rpc
from tacker_ledger.core import errors
from tacker_ledger.core.securelog import op_return
from tacker_ledger.core.securelog import transaction

_COIN = 100_000_000
#: BTC per 1,000 virtual bytes, in satoshi per virtual byte.
_RATE_UNIT = 100_000
#: Less than this nodes do not relay as an output.
DUST_SATOSHI = 546
#: An anchor with two inputs; only for telling how far the wallet reaches.
_TYPICAL_VBYTES = 253
#: A replacement pays at least this much more than what it replaces.
_STEP = 1.25
#: Signals that a transaction may be replaced (BIP 125).
_SEQUENCE = 0xfffffffd
_CHANGE = 2

final_depth = rpc.final_depth


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What an operator allows; see the options of ``[bitcoin]``."""

    fee_rate_min: float
    fee_rate_max: float
    fee_target_blocks: int
    chain_value_satoshi: int
    low_balance_anchors: int
    final_depth: int


@dataclasses.dataclass(frozen=True, slots=True)
class Built:
    """A signed transaction that was not sent.

    :param raw: hex digits
    :param tip: what the next anchor spends
    :param root: what it publishes; None for the first of a chain
    """

    txid: str
    raw: str
    inputs: tuple[transaction.Outpoint, ...]
    tip: transaction.Outpoint
    root: bytes | None
    fee_satoshi: int
    vsize: int
    change_satoshi: int


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """What the node knows of a transaction.

    :param state: ``unknown`` (also: no longer waiting; send it again),
        ``pending``, ``confirmed`` or ``conflicted`` (a block spends one of
        its inputs otherwise)
    :param confirmations: negative if conflicted
    """

    state: str
    confirmations: int = 0
    block_hash: str | None = None
    height: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Balance:
    """How far the wallet reaches at the fees of now."""

    satoshi: int
    anchors_left: int
    low: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Coin:
    """An output that the wallet may spend."""

    outpoint: transaction.Outpoint
    satoshi: int


class Spender:
    """Makes and sends anchors from one wallet.

    Every method raises :class:`~.errors.BitcoinFailed`.

    :param node: calls without a wallet
    """

    def __init__(self, node: rpc.Client, wallet: str, chain: rpc.Chain,
                 terms: Terms) -> None:
        if terms.fee_rate_min > terms.fee_rate_max:
            raise errors.BadOption('fee_rate_min of [bitcoin] is above '
                                   'fee_rate_max')
        self._node = node
        self._name = wallet
        self._wallet = node.wallet(wallet)
        self._chain = chain
        self._terms = terms

    @property
    def final_depth(self) -> int:
        """How many confirmations make an anchor final."""
        return self._terms.final_depth

    def open(self, create: bool = False) -> None:
        """Check the chain and load the wallet.

        :param create: make the wallet if there is none
        """
        self._node.check_chain(self._chain)
        if self._name in self._node.call('listwallets'):
            return
        try:
            # for good: it is there again when the node was started anew
            self._node.call('loadwallet', self._name, True)
        except errors.BitcoinFailed as exc:
            if exc.details.get('number') == rpc.ALREADY_LOADED:
                return
            if exc.reason != 'no-wallet' or not create:
                raise
            self._node.call('createwallet', self._name, False, False, '',
                            False, True, True)

    def address(self) -> str:
        """Return a new address at which the wallet takes money."""
        return str(self._wallet.call('getnewaddress', '', 'bech32'))

    def fee_rate(self) -> float:
        """Return the rate to pay now, within floor and cap.

        :raises BitcoinFailed: ``fee-too-high`` if nodes do not take in
            anything for less than the cap
        """
        terms = self._terms
        estimate = self._node.call('estimatesmartfee',
                                   terms.fee_target_blocks)
        pool = self._node.call('getmempoolinfo')
        least = max(_rate(pool['mempoolminfee']),
                    _rate(pool['minrelaytxfee']))
        if least > terms.fee_rate_max:
            raise errors.BitcoinFailed(
                f'The node takes in nothing below {least:g} sat/vB, the cap '
                f'is {terms.fee_rate_max:g}', 'fee-too-high')
        return min(terms.fee_rate_max, max(
            terms.fee_rate_min, least, _rate(estimate.get('feerate', 0))))

    def found(self, fee_rate: float | None = None) -> Built:
        """Return the transaction whose output 0 begins a chain."""
        return self._make(None, None, fee_rate)

    def build(self, root: bytes, tip: transaction.Outpoint,
              fee_rate: float | None = None) -> Built:
        """Return the anchor of ``root`` which spends ``tip``.

        :raises BitcoinFailed: ``inputs-spent`` if the tip is spent or not
            known; ``rejected`` if it is in no block yet (replace what
            waits, do not build on it); ``wallet-empty``
        """
        state = self._node.call('gettxout', tip.txid, tip.index, True)
        if state is None:
            raise errors.BitcoinFailed(
                f'Output {tip.text} is spent or not known',
                'inputs-spent', outpoint=tip.text)
        if state['confirmations'] < 1:
            raise errors.BitcoinFailed(
                f'Output {tip.text} is in no block yet', 'rejected',
                outpoint=tip.text)
        return self._make(
            _Coin(tip, _satoshi(state['value'])), root, fee_rate)

    def replace(self, raw: str, fee_rate: float | None = None) -> Built:
        """Return the same anchor with a higher fee, paid out of its change.

        :raises BitcoinFailed: ``fee-too-high`` if the cap is reached,
            ``wallet-empty`` if the change is used up
        """
        old = transaction.parse(raw)
        vsize = self._vsize(raw)
        change_at = len(old.outputs) - 1
        value = sum(self._value_of(spent) for spent in old.inputs)
        old_fee = value - sum(output.satoshi for output in old.outputs)
        pool = self._node.call('getmempoolinfo')
        step = max(_rate(pool.get('incrementalrelayfee', 0)), 1.0)
        least = old_fee / vsize + step
        if least > self._terms.fee_rate_max:
            raise errors.BitcoinFailed(
                f'A replacement has to pay {least:.1f} sat/vB, the cap is '
                f'{self._terms.fee_rate_max:g}', 'fee-too-high')
        wanted = fee_rate or max(self.fee_rate(), _STEP * old_fee / vsize)
        rate = min(self._terms.fee_rate_max, max(least, wanted))
        change = (old.outputs[change_at].satoshi + old_fee
                  - math.ceil(rate * vsize))
        if change < DUST_SATOSHI:
            raise errors.BitcoinFailed(
                'The change does not pay for a higher fee', 'wallet-empty')
        return self._signed(old.with_output(change_at, change).hex(), value)

    def send(self, raw: str) -> str:
        """Send a transaction, again if need be, and return its txid.

        That nodes have it already is success.
        """
        one = transaction.parse(raw)
        try:
            self._node.call('sendrawtransaction', raw, float(
                round(2 * self._terms.fee_rate_max / _RATE_UNIT, 8)))
        except errors.BitcoinFailed as exc:
            if exc.passing or not self._is_known(one.txid):
                raise
        self.lock(transaction.Outpoint(one.txid, 0))
        return one.txid

    def status(self, txid: str) -> Status:
        """Return what became of a transaction."""
        try:
            known = self._wallet.call('gettransaction', txid)
        except errors.BitcoinFailed as exc:
            if exc.reason != 'not-found':
                raise
            return Status('unknown')
        confirmations = known['confirmations']
        if confirmations > 0:
            return Status('confirmed', confirmations, known['blockhash'],
                          known['blockheight'])
        if confirmations < 0:
            return Status('conflicted', confirmations)
        return Status('pending' if self._waits(txid) else 'unknown')

    def lock(self, tip: transaction.Outpoint) -> None:
        """Keep the wallet from spending ``tip``; for good, once it exists.
        """
        try:
            self._wallet.call(
                'lockunspent', False,
                [{'txid': tip.txid, 'vout': tip.index}], True)
        except errors.BitcoinFailed as exc:
            # locked already, or spent by the next anchor: both are well
            if exc.details.get('number') != -8:
                raise

    def balance(self) -> Balance:
        """Return how far the wallet reaches; waiting change counts."""
        satoshi = sum(coin.satoshi for coin in self._coins(0))
        left = int(satoshi // (_TYPICAL_VBYTES * self.fee_rate()))
        return Balance(satoshi, left,
                       left < self._terms.low_balance_anchors)

    def raw(self, txid: str) -> str:
        """Return a transaction of the wallet, in hex digits."""
        return str(self._wallet.call('gettransaction', txid)['hex'])

    def unspent(self, outpoint: transaction.Outpoint) -> bool:
        """Return whether an output exists and nothing spends it."""
        return self._node.call('gettxout', outpoint.txid, outpoint.index,
                               True) is not None

    # -- inside --------------------------------------------------------------

    def _make(self, tip: _Coin | None, root: bytes | None,
              fee_rate: float | None) -> Built:
        rate = self.fee_rate() if fee_rate is None else fee_rate
        if rate > self._terms.fee_rate_max:
            raise errors.BitcoinFailed('The fee is above the cap',
                                       'fee-too-high')
        coins = sorted((coin for coin in self._coins(1)
                        if tip is None or coin.outpoint != tip.outpoint),
                       key=lambda coin: (-coin.satoshi, coin.outpoint))
        chosen = [] if tip is None else [tip]
        best: Built | None = None
        addresses = (self.address(), str(self._wallet.call(
            'getrawchangeaddress', 'bech32')))
        for coin in coins:
            chosen.append(coin)
            made = self._of(chosen, root, rate, addresses)
            best = made or best
            # leave change that pays for the highest fee, if there is any
            if made and (made.change_satoshi - DUST_SATOSHI >= made.vsize * (
                    self._terms.fee_rate_max - rate)
                    or len(chosen) > 4):
                break
        if best is None:
            raise errors.BitcoinFailed(
                'The wallet cannot pay for an anchor', 'wallet-empty',
                satoshi=sum(coin.satoshi for coin in coins))
        return best

    def _of(self, coins: Sequence[_Coin], root: bytes | None, rate: float,
            addresses: tuple[str, str]) -> Built | None:
        """Return the transaction that spends ``coins``; None if too few."""
        total = sum(coin.satoshi for coin in coins)
        rest = total - self._terms.chain_value_satoshi
        if rest < DUST_SATOSHI:
            return None
        # signed once for its size, once with the change that follows
        sized = self._unsigned(coins, root, addresses, rest)
        raw = self._sign(sized)
        change = rest - math.ceil(rate * self._vsize(raw))
        if change < DUST_SATOSHI:
            return None
        return self._signed(
            self._unsigned(coins, root, addresses, change), total)

    def _unsigned(self, coins: Sequence[_Coin], root: bytes | None,
                  addresses: tuple[str, str], change: int) -> str:
        first, last = addresses
        outputs: list[dict[str, Any]] = [
            {first: _amount(self._terms.chain_value_satoshi)}]
        if root is not None:
            outputs.append({'data': root.hex()})
        outputs.append({last: _amount(change)})
        return str(self._node.call('createrawtransaction', [
            {'txid': coin.outpoint.txid, 'vout': coin.outpoint.index,
             'sequence': _SEQUENCE} for coin in coins], outputs))

    def _sign(self, unsigned: str) -> str:
        done = self._wallet.call('signrawtransactionwithwallet', unsigned)
        if not done.get('complete'):
            raise errors.BitcoinFailed(
                'The wallet cannot sign for all inputs', 'rejected')
        return str(done['hex'])

    def _signed(self, unsigned: str, total: int) -> Built:
        """Sign, and make sure of what was signed."""
        raw = self._sign(unsigned)
        one = transaction.parse(raw)
        root = None
        if len(one.outputs) > _CHANGE:
            root = op_return.from_transaction(one)
        return Built(
            one.txid, raw, one.inputs, transaction.Outpoint(one.txid, 0),
            root, total - sum(output.satoshi for output in one.outputs),
            self._vsize(raw), one.outputs[-1].satoshi)

    def _vsize(self, raw: str) -> int:
        return int(self._node.call('decoderawtransaction', raw)['vsize'])

    def _value_of(self, spent: transaction.Outpoint) -> int:
        """Return what an output of the wallet holds, spent or not."""
        one = transaction.parse(self.raw(spent.txid))
        return one.outputs[spent.index].satoshi

    def _coins(self, least_confirmations: int) -> list[_Coin]:
        """Return what may pay: nothing locked, nothing like a tip."""
        found = self._wallet.call('listunspent', least_confirmations)
        coins = [_Coin(transaction.Outpoint(item['txid'], item['vout']),
                       _satoshi(item['amount']))
                 for item in found
                 if item['spendable'] and item.get('safe', True)]
        return [coin for coin in coins if coin.outpoint.index != 0
                or coin.satoshi != self._terms.chain_value_satoshi]

    def _waits(self, txid: str) -> bool:
        """Return whether the node keeps a transaction for the next block."""
        try:
            self._node.call('getmempoolentry', txid)
        except errors.BitcoinFailed as exc:
            if exc.reason != 'not-found':
                raise
            return False
        return True

    def _is_known(self, txid: str) -> bool:
        return self.status(txid).state in ('pending', 'confirmed')


def _satoshi(amount: Any) -> int:
    """Return what the node writes as a decimal number of coins."""
    return int((decimal.Decimal(amount) * _COIN).to_integral_exact())


def _amount(satoshi: int) -> decimal.Decimal:
    return decimal.Decimal(satoshi) / _COIN


def _rate(amount: Any) -> float:
    return float(decimal.Decimal(amount) * _RATE_UNIT)


def spender(options: Any) -> Spender:
    """Return the spender that the options of ``[bitcoin]`` describe."""
    return Spender(
        rpc.client(options), options.wallet, rpc.chain(options), Terms(
            options.fee_rate_min, options.fee_rate_max,
            options.fee_target_blocks, options.chain_value_satoshi,
            options.low_balance_anchors, rpc.final_depth(options)))
