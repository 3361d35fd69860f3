# SPDX-License-Identifier: Apache-2.0
"""What is simulated is what is shipped."""

import importlib
import inspect
import pathlib
import pkgutil
import subprocess
import sys
import sysconfig
import types

import tacker_ledger.core
from tacker_ledger.core.consensus import catch_up
from tacker_ledger.core.consensus import replica
from tacker_ledger.core.consensus import request_timers
from tacker_ledger.core.ledger import application
from tacker_ledger.core.ledger import state_map
from tacker_ledger.node import doubt
from tacker_ledger.node.engine import pbft
from tacker_ledger.tests import base
from tacker_ledger.tests.simulation import simulation as simulation_module

_STANDARD = pathlib.Path(sysconfig.get_path('stdlib')).resolve()
_CORE = pathlib.Path(tacker_ledger.core.__file__).parent

_IMPORTED = '''
import sys
from tacker_ledger.tests.simulation import scenarios
print(*sorted(name for name in sys.modules
              if name.startswith('tacker_ledger.node.')))
'''


def _core_modules() -> list[types.ModuleType]:
    return [importlib.import_module(found.name)
            for found in pkgutil.walk_packages(
                tacker_ledger.core.__path__, 'tacker_ledger.core.')]


def _source_of(thing) -> pathlib.Path:
    return pathlib.Path(thing.__code__.co_filename).resolve()


class TestShipped(base.TestCase):
    """The replica, the application and catching up are the real ones."""

    def test_members_run_the_shipped_classes(self):
        world = simulation_module.Simulation(4).start()
        world.submit(0, 3)
        world.run_to_height(1)
        for member in world.members:
            self.assertIs(replica.Replica, type(member.replica))
            self.assertIs(application.Application, type(member.shipped))
            self.assertIs(catch_up.CatchUp, type(member.catch_up))
            self.assertIs(request_timers.RequestTimers,
                          type(member.requests))
            self.assertIs(state_map.MemoryState, type(member.disk.state))
        # The node's engine drives the same replica.
        self.assertIs(replica, pbft.replica_module)

    def test_without_memory_the_replica_has_the_application_itself(self):
        world = simulation_module.Simulation(4, memoised=False).start()
        for member in world.members:
            self.assertIs(application.Application, type(member.ledger))

    def test_nothing_of_the_core_is_replaced(self):
        world = simulation_module.Simulation(4).start()
        world.submit(0, 3)
        world.run_to_height(1)
        world.check()
        seen = 0
        for module in _core_modules():
            for name, thing in vars(module).items():
                functions = [thing] if inspect.isfunction(thing) else []
                if inspect.isclass(thing) and (
                        thing.__module__ == module.__name__):
                    functions = [one for one in vars(thing).values()
                                 if inspect.isfunction(one)]
                for function in functions:
                    path = _source_of(inspect.unwrap(function))
                    if path.name == '<string>' or path.is_relative_to(
                            _STANDARD):
                        continue  # made by dataclasses, enum and the like
                    seen += 1
                    self.assertTrue(path.is_relative_to(_CORE.resolve()),
                                    f'{module.__name__}.{name} is of {path}')
        self.assertGreater(seen, 300)

    def test_doubt_is_the_node_s(self):
        path = _source_of(doubt.Doubt.begin)
        self.assertEqual('doubt.py', path.name)
        self.assertEqual('node', path.parent.name)

    def test_the_simulation_imports_no_node_but_what_is_pure(self):
        """Only doubt and greeting, and what these stand on."""
        finished = subprocess.run(
            [sys.executable, '-c', _IMPORTED],
            cwd=base.CHECKOUT, capture_output=True, text=True, timeout=60,
            check=True)
        self.assertLessEqual(
            set(finished.stdout.split()),
            {'tacker_ledger.node.doubt', 'tacker_ledger.node.greeting'})
