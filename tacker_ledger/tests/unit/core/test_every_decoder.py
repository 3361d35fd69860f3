# SPDX-License-Identifier: Apache-2.0
"""Every decoder of the core: what it does not refuse, it can give back."""

import importlib
import inspect
import pkgutil

import hypothesis
from hypothesis import strategies as st

from tacker_ledger import core
from tacker_ledger.core import codec
from tacker_ledger.core import errors
from tacker_ledger.core import hashing
from tacker_ledger.tests import base
from tacker_ledger.tests import vectors

H = hashing.hasher(bytes(range(32)))


def decoders():
    """Return the ``from_bytes`` of all classes of the core, by name."""
    found = {}
    for info in pkgutil.walk_packages(core.__path__, core.__name__ + '.'):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if (inspect.isclass(value) and value.__module__ == info.name
                    and hasattr(value, 'from_bytes')
                    and not issubclass(value, int)):  # numbers have one too
                found[f'{info.name}.{name}'] = value.from_bytes
    return found


def strings_of(value):
    """Return all hexadecimal strings in a vector file as bytes."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [item for one in value for item in strings_of(one)]
    try:
        return [bytes.fromhex(value)] if isinstance(value, str) else []
    except ValueError:
        return []


REAL = sorted({data for path in vectors.DIRECTORY.glob('*.json')
               for data in strings_of(vectors.load(path.stem))
               if 3 < len(data) < 4000}, key=lambda data: (len(data), data))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2 ** 63, 2 ** 64 - 1)
    | st.binary(max_size=40) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=12).map(tuple), max_leaves=20)


@st.composite
def altered(draw):
    """Real bytes with one byte changed, added or left out."""
    data = draw(st.sampled_from(REAL))
    at = draw(st.integers(0, len(data) - 1))
    middle = draw(st.binary(max_size=2))
    return data[:at] + middle + data[at + draw(st.integers(0, 1)):]


class TestEveryDecoder(base.TestCase):
    """Property: refuse with a code, or hold exactly what was given."""

    DECODERS = decoders()

    def test_there_are_many(self):
        self.assertGreater(len(self.DECODERS), 15, list(self.DECODERS))

    @hypothesis.settings(max_examples=150)
    @hypothesis.given(st.binary(max_size=200) | VALUES.map(codec.encode)
                      | altered() | st.sampled_from(REAL))
    def test_refused_or_given_back(self, data):
        for name, decode in self.DECODERS.items():
            takes = [parameter for parameter in inspect.signature(
                decode).parameters.values()
                if parameter.default is parameter.empty]
            arguments = (data,) if len(takes) == 1 else (H, data)
            try:
                made = decode(*arguments)
            except errors.LedgerError:
                continue
            given = (made.to_bytes() if hasattr(made, 'to_bytes')
                     else getattr(made, 'raw', data))
            self.assertEqual(data, given, name)
