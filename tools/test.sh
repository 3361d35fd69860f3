#!/bin/bash
# Runs the test suites: tools/test.sh [SUITE...] [-- REGEX...]
#
# Without a name all of them; `tools/test.sh --list` says which there are.
# REGEX picks tests by name. The last line of standard output is always
# "N passed, N failed, N skipped"; the exit status is 0 when all went well.
# TACKER_LEDGER_VENV names an environment to use instead of making .venv/.
set -uo pipefail

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${TACKER_LEDGER_VENV:-}
if [ -z "$venv" ]; then
    venv=$tools/../.venv
    if ! "$tools/setup.sh" test; then
        echo "the environment of the tests could not be made"
        echo "0 passed, 0 failed, 0 skipped"
        exit 1
    fi
fi
exec "$venv/bin/python" "$tools/suites.py" "$@"
