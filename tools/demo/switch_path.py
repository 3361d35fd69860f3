# SPDX-License-Identifier: Apache-2.0
"""The path switch of the demonstration: ``switch_path.py WHERE VERB``.

Called by the ``command`` path switch. WHERE is the prefix of the lab, or a
file when there is no lab; VERB is ``switch`` (the path goes through cloud B)
or ``switch-back`` (through cloud A).
"""

import pathlib
import sys

import lab

CLOUD = {'switch': 'b', 'switch-back': 'a'}

if __name__ == '__main__':
    where, verb = sys.argv[1:]
    if '/' in where:
        pathlib.Path(where).write_text(CLOUD[verb])
    else:
        lab.Lab(where).switch_path(CLOUD[verb])
