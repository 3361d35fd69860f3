# SPDX-License-Identifier: Apache-2.0
"""One module for each noun of the tenant and VNF door; thin."""
