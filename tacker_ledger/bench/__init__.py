# SPDX-License-Identifier: Apache-2.0
"""The benchmark: S0's evaluation (section IV) with real node processes.

Every figure is measured in the run that prints it; what was not measured
is left out.  Nothing in a node knows of the benchmark.
"""
