#!/bin/bash
# Prepares a checkout: system packages that are missing, then .venv/.
#
#   tools/setup.sh         what the product needs
#   tools/setup.sh test    also what the test suites need
#
# Nothing is done twice: stamps in .venv/ remember what was installed.
# PYTHON names the interpreter; otherwise the newest of 3.11 and later.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
profile=${1:-run}
venv=$checkout/.venv

say() { echo "setup: $*" >&2; }

case $profile in
run | test) ;;
*)
    echo "usage: tools/setup.sh [run|test]" >&2
    exit 2
    ;;
esac

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 \
        python3; do
        if "$candidate" -c 'import sys
assert sys.version_info >= (3, 11)
print(sys.executable)' 2>/dev/null; then
            return
        fi
    done
    say "Python 3.11 or later is needed; set PYTHON to one"
    return 1
}

# wanted PROFILE: what its stamp stands for, which is the declared requirements,
# the interpreter and the place (an environment does not survive being moved).
wanted() {
    {
        echo "$checkout" "$1"
        "$python" -VV
        cat "$checkout"/{setup.cfg,pyproject.toml,requirements.txt} \
            "$checkout"/{test-,doc/}requirements.txt
    } | sha256sum | cut -d' ' -f1
}

have() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }

missing_packages() {
    have nft || echo nftables
    have ip || echo iproute2
    if [ ! -x "$venv/bin/python" ] &&
        ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -c \
            'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
    fi
    if [ "$profile" = test ]; then
        have mariadbd || echo mariadb-server
        [ -d /usr/lib/rabbitmq ] || echo rabbitmq-server
    fi
}

# Packages of servers must not start servers of their own: tests start private
# ones. policy-rc.d is Debian's switch for that.
install_packages() {
    local sudo='' fence='' rc=0
    if [ "$(id -u)" != 0 ]; then
        sudo='sudo -n'
    fi
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        fence=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' | $sudo tee $fence >/dev/null &&
            $sudo chmod +x $fence || return
    fi
    $sudo apt-get update -qq &&
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends "$@" || rc=$?
    if [ -n "$fence" ]; then
        $sudo rm -f $fence
    fi
    return $rc
}

system_packages() {
    local packages
    mapfile -t packages < <(missing_packages)
    if [ ${#packages[@]} = 0 ]; then
        return
    fi
    if ! command -v apt-get >/dev/null; then
        say "no apt-get here, so these stay missing: ${packages[*]}"
        return
    fi
    say "installing system packages: ${packages[*]}"
    if ! install_packages "${packages[@]}" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "apt failed; what needs ${packages[*]} will say that it is missing"
    fi
}

# pbr takes the version from git; a copy without git history has none.
version_fallback() {
    if [ -z "${PBR_VERSION:-}" ] && [ ! -e "$checkout/PKG-INFO" ] &&
        ! git -C "$checkout" rev-parse -q --verify HEAD >/dev/null 2>&1; then
        export PBR_VERSION=0.0.1
        say "no readable git history, so the version is $PBR_VERSION"
    fi
}

python_packages() {
    local requirements=()
    if [ -e "$venv" ] && ! { [ "$(cat "$venv/.place" 2>/dev/null ||
        echo "$venv")" = "$venv" ] && "$venv/bin/python" -c '' 2>/dev/null; }
    then
        say "$venv was made elsewhere; making it anew"
        rm -rf "$venv"
    fi
    if [ ! -x "$venv/bin/python" ]; then
        say "making .venv with $("$python" -V)"
        "$python" -m venv "$venv"
    fi
    echo "$venv" >"$venv/.place"
    if [ "$profile" = test ]; then
        requirements=(-r "$checkout/test-requirements.txt")
    fi
    say "installing Python packages into .venv (profile $profile)"
    version_fallback
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install -q \
        "${requirements[@]}" -e "${checkout}[bench,node,securelog,tenant,vnf-client]"
}

python=$(find_python)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
exec 9<"${BASH_SOURCE[0]}"
flock 9 # two at once would spoil each other's work
began=$SECONDS
system_packages
if [ "$(cat "$venv/.stamp-$profile" 2>/dev/null)" != "$(wanted "$profile")" ]
then
    python_packages
    wanted run >"$venv/.stamp-run"
    if [ "$profile" = test ]; then
        wanted test >"$venv/.stamp-test"
    fi
    say "done in $((SECONDS - began)) s"
fi
