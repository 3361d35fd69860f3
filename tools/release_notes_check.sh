#!/bin/bash
# Release notes: reno can read them, there are some, and they speak to users.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fault() {
    echo "release notes: $*" >&2
    exit 1
}

# reno needs git; a tree without history still has its notes looked at.
if git rev-parse -q --verify HEAD >/dev/null 2>&1; then
    reno -q lint
fi

shopt -s nullglob
notes=(releasenotes/notes/*.yaml)
[ ${#notes[@]} -gt 0 ] || fault "there is not a single note"

# Words of the workshop: plans, tickets, people and places of development.
internal='\b(TODO|FIXME|XXX|WIP|TBD|issue [0-9]+|ticket|milestone|sprint'
internal+='|helper|refactor(ed|ing)?)\b'
if grep -nEi "$internal" "${notes[@]}"; then
    fault "the words above mean nothing to a user"
fi
