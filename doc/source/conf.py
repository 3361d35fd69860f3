# SPDX-License-Identifier: Apache-2.0
"""Settings of the documentation: ``tox -e docs`` builds it."""

extensions = [
    'cliff.sphinxext',
    'openstackdocstheme',
    'oslo_config.sphinxconfiggen',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxext',
    'oslo_policy.sphinxpolicygen',
    'sphinx.ext.graphviz',
    'sphinx.ext.mathjax',
]

autoprogram_cliff_application = 'openstack'

project = 'tacker-ledger'
copyright = 'tacker-ledger contributors'
author = 'tacker-ledger contributors'

root_doc = 'index'
exclude_patterns = []
pygments_style = 'native'
add_module_names = False

html_theme = 'openstackdocs'
html_theme_options = {'display_global_toc_section': True}
openstackdocs_auto_name = False
openstackdocs_pdf_link = False

# The samples stand beside the pages that show them.
config_generator_config_file = [
    ('../../etc/tacker-ledger/config-generator.conf',
     '_static/tacker-ledger'),
    ('../../etc/tacker-ledger/vnf-client-config-generator.conf',
     '_static/tacker-ledger-agent'),
]
policy_generator_config_file = [
    ('../../etc/tacker-ledger/policy-generator.conf',
     '_static/tacker-ledger'),
]
