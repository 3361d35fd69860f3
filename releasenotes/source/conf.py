# SPDX-License-Identifier: Apache-2.0
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
