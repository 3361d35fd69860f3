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
"""Settings of the release notes: ``tox -e releasenotes`` builds them."""

extensions = [
    'openstackdocstheme',
    'reno.sphinxext',
]

project = 'tacker-ledger release notes'
copyright = 'tacker-ledger contributors'
author = 'tacker-ledger contributors'

# The notes of all versions stand on one site.
release = ''
version = ''

root_doc = 'index'
exclude_patterns = []
pygments_style = 'native'
html_theme = 'openstackdocs'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
