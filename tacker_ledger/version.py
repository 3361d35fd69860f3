# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""The version of the installed package, as pbr derived it from git."""

import pbr.version

version_info = pbr.version.VersionInfo('tacker-ledger')


def version_string() -> str:
    """Return the version as users see it, for example ``1.2.0.dev7``."""
    version: str = version_info.release_string()
    return version
