# SPDX-License-Identifier: Apache-2.0
"""The programs; everything may be imported here, nobody imports it."""

import warnings

# A library of a library looks whether eventlet is there and is told off for
# it. Nothing here uses it, and an operator can do nothing about it.
warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')
