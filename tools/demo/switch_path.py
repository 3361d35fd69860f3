# SPDX-License-Identifier: Apache-2.0
"""The path switch of the demonstration: ``switch_path.py PREFIX VERB``.

Called by the ``command`` path switch; PREFIX names the lab, VERB is
``switch`` (through cloud B) or ``switch-back`` (through cloud A).
"""

import sys

import lab

CLOUD = {'switch': 'b', 'switch-back': 'a'}

if __name__ == '__main__':
    lab.Lab(sys.argv[1]).switch_path(CLOUD[sys.argv[2]])
