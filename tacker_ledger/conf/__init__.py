# SPDX-License-Identifier: Apache-2.0
"""Options of every service, and the making of a configuration object.

No library reads a global configuration: programs call :func:`make_conf`
and hand the result on.
"""
