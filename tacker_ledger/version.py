# SPDX-License-Identifier: Apache-2.0
"""The version of the installed package, as pbr derived it from git."""

import pbr.version

version_info = pbr.version.VersionInfo('tacker-ledger')


def version_string() -> str:
    """Return the version as users see it, for example ``1.2.0.dev7``."""
    version: str = version_info.release_string()
    return version
