# SPDX-License-Identifier: Apache-2.0
"""Write the golden vectors, or tell which files would change.

Run as ``python -m tacker_ledger.tests.vectors.make [--check] [NAME ...]``.
A new format is a new module in :mod:`formats` that has ``NAME``, the name of
its file, and ``make()``, which returns the content.  ``make`` draws nothing
at random: what a real sender would draw comes from
:func:`~tacker_ledger.tests.vectors.fixed_bytes`.
"""

import argparse
import sys

from tacker_ledger.tests import vectors


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--check', action='store_true',
                        help='write nothing; fail if a file would change')
    parser.add_argument('names', nargs='*', metavar='NAME',
                        help='formats to make (all)')
    options = parser.parse_args(arguments)
    formats = vectors.registry()
    unknown = set(options.names) - set(formats)
    if unknown:
        parser.error('there is no format ' + ', '.join(sorted(unknown)))
    changed = []
    for name in options.names or formats:
        text = vectors.render(formats[name].make())
        path = vectors.path_of(name)
        if path.is_file() and path.read_text(encoding='utf-8') == text:
            continue
        changed.append(name)
        if not options.check:
            path.write_text(text, encoding='utf-8')
    for name in changed:
        sys.stdout.write(f'{name} differs\n' if options.check
                         else f'{name} written\n')
    return 1 if changed and options.check else 0


if __name__ == '__main__':
    sys.exit(main())
