#!/bin/bash
# The main job, shown: tools/demo.sh [--json FILE] [--keep]
#
# Sets up what it needs (says what it installs), starts a ledger of four
# nodes and two VNFs, and tells and checks the story step by step. --json
# writes what was observed; --keep leaves everything running and prints the
# commands to play with.
set -euo pipefail
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${TACKER_LEDGER_VENV:-}
if [ -z "$venv" ]; then
    venv=$tools/../.venv
    "$tools/setup.sh" run
fi
exec "$venv/bin/python" "$tools/demo/story.py" "$@"
