# SPDX-License-Identifier: Apache-2.0
"""The demonstration: the main job of tacker_ledger, told and checked.

Run it by ``tools/demo.sh``. Each step of :mod:`chapters` says what is done,
does it with the shipped programs, and checks what came of it by looking at
the world (packets, kernel, processes, files), not at its own bookkeeping.
"""

import argparse
import contextlib
import json
import logging
import pathlib
import secrets
import shutil
import sys
import tempfile
import time
import warnings

import chapters
import lab
import stage as stage_module
import world


class Teller:
    """Prints the story and keeps the record of it."""

    def __init__(self) -> None:
        self.steps: list[dict] = []

    def say(self, text: str = '') -> None:
        """Print a line for whoever watches."""
        print(('   ' + text) if text else '', flush=True)

    @contextlib.contextmanager
    def step(self, name: str, title: str):
        """One step: its record says if it held and what was observed.

        Yields the dictionary of observations.
        """
        print('\n%s. %s' % (name, title), flush=True)
        observed: dict = {}
        record = {'name': title, 'ok': False, 'seconds': 0.0,
                  'observed': observed}
        self.steps.append(record)
        began = time.monotonic()
        try:
            yield observed
            record['ok'] = True
        except Exception as error:
            # Whatever it is, the step does not hold and says why.
            observed['failure'] = '%s: %s' % (type(error).__name__, error)
            raise
        finally:
            record['seconds'] = round(time.monotonic() - began, 2)
            for key, value in observed.items():
                self.say('seen: %s = %s' % (key, value))
            self.say('%s (%.1f s)' % (
                'holds' if record['ok'] else 'DOES NOT HOLD',
                record['seconds']))


def arguments(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='tools/demo.sh', description='The main job of tacker_ledger, '
        'told and checked step by step.')
    parser.add_argument('--json', metavar='FILE', type=pathlib.Path,
                        help='write what was observed')
    parser.add_argument('--keep', action='store_true',
                        help='leave everything running and print commands '
                             'to play with')
    parser.add_argument('--files', action='store_true',
                        help='use the file applier even where real packets '
                             'are possible')
    return parser.parse_args(argv)


def tell(stage: stage_module.Stage, teller: Teller) -> bool:
    """Set the stage and tell every chapter; whether all held."""
    try:
        with teller.step('0', 'A federation of four ledger nodes'
                         ) as observed:
            stage.set(observed)
        for name, title, chapter in chapters.ALL:
            with teller.step(name, title) as observed:
                chapter(stage, observed)
    except Exception:  # noqa: BLE001 (its step has said which)
        stage.show_logs()
        return False
    return True


def keep(stage: stage_module.Stage) -> None:
    """Print the commands to play with; end with the return key."""
    for line in stage.commands():
        print(line)
    print('Everything runs until you press return.', flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.readline()


def main(argv: list[str]) -> int:
    """Tell the story; 0 only if every step holds."""
    options = arguments(argv)
    warnings.simplefilter('ignore')
    logging.disable(logging.WARNING)
    teller = Teller()
    directory = pathlib.Path(tempfile.mkdtemp(prefix='tacker-ledger-demo-'))
    missing = lab.missing_parts()
    kind = world.FileWorld if missing or options.files else world.PacketWorld
    if missing:
        print('No real packets here, for want of: %s.' % ', '.join(missing))
    stage = stage_module.Stage(
        kind('tl' + secrets.token_hex(2), directory), directory, teller.say)
    print('What is observed: %s.' % stage.world.kind)
    holds = False
    try:
        holds = tell(stage, teller)
        if options.keep:
            keep(stage)
    finally:
        stage.strike()
        if options.json:
            options.json.write_text(json.dumps(
                {'ok': holds, 'steps': teller.steps}, indent=1) + '\n')
        if holds:
            shutil.rmtree(directory)
        else:
            print('Logs and data are left in %s.' % directory)
    told = sum(step['seconds'] for step in teller.steps)
    print('\n%s: %d steps in %.1f s.' % (
        'All of it holds' if holds else 'NOT all of it holds',
        len(teller.steps), told))
    return 0 if holds else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
