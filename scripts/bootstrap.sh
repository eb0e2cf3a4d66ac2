#!/usr/bin/env bash
# Installs what this checkout lacks, and only that: system packages, .venv, the built web map.
#
#   scripts/bootstrap.sh runtime    what `make demo` needs
#   scripts/bootstrap.sh dev        the same plus what the tests and the gate need
#
# Run again, it does nothing. Registries come from the machine's own apt, pip and npm configuration.
# The private database cluster is not its business (sharding/local.py), nor is any existing one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/system_packages.sh

flavour=${1:-runtime}
lock=requirements/$flavour.lock
[ -f "$lock" ] || { echo "usage: scripts/bootstrap.sh runtime|dev" >&2; exit 2; }
home=${GRIDGIS_HOME:-.gridgis}
log=$home/log/setup.log
mkdir -p "$home/log"

say() { printf '%s\n' "→ $*"; }
fail() { printf '%s\n' "setup: $*" >&2; exit 1; }

# Runs a command with its output in the log; shows the end of it when the command fails.
logged() {
    local what=$1
    shift
    printf '\n== %s: %s\n' "$what" "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null && return
    tail -n 25 "$log" >&2
    fail "$what failed; all of its output is in $log"
}

digest() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }

check_python() {
    command -v python3 >/dev/null || fail "python3 is not installed; Python 3.11 or later is needed"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$(python3 --version) is too old; Python 3.11 or later is needed"
}

# .venv as the lock says. The stamp carries the digest of all that decides its content; a runtime one is
# satisfied by a dev one of the same date, since the dev lock contains the runtime lock.
install_python_packages() {
    local stamp=.venv/.installed-$flavour current
    current=$(python3 -c 'import sys; print(sys.version)' | digest - "$lock" pyproject.toml)
    [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$current" ] && return
    if [ "$flavour" = runtime ] && [ -x .venv/bin/python ]; then
        local dev
        dev=$(python3 -c 'import sys; print(sys.version)' | digest - requirements/dev.lock pyproject.toml)
        [ "$(cat .venv/.installed-dev 2>/dev/null)" = "$dev" ] && return
    fi
    rm -f .venv/.installed-*
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "making .venv with $(python3 --version)"
        logged "making .venv" python3 -m venv --clear .venv
    fi
    say "installing $(grep -c '^[a-zA-Z0-9]' "$lock") locked Python packages into .venv (a minute or two)"
    local pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input install)
    logged "installing Python packages" "${pip[@]}" --require-hashes -r "$lock"
    logged "installing gridgis" "${pip[@]}" --no-deps --no-build-isolation --editable .
    printf '%s\n' "$current" >"$stamp"
}

# Node for the web map: the machine's own if it is recent enough, else the locked one from PyPI, in .venv.
find_node() {
    # What Vite asks for: 20.19, 22.12 or later.
    local recent='const [a, b] = process.versions.node.split(".").map(Number);
        process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'
    if node -e "$recent" 2>/dev/null && command -v npm >/dev/null; then return; fi
    export PATH="$PWD/.venv/bin:$PATH"
    [ "$(cat .venv/.installed-node 2>/dev/null)" = "$(digest requirements/node.lock)" ] && return
    say "installing Node.js from PyPI into .venv (for the web map)"
    logged "installing Node.js" .venv/bin/python -m pip --disable-pip-version-check --no-input install \
        --require-hashes -r requirements/node.lock
    digest requirements/node.lock >.venv/.installed-node
}

build_web_map() {
    [ -f api/web/package-lock.json ] || return 0
    local stamp=api/web/node_modules/.built current
    current=$(find api/web -type f -not -path '*/node_modules/*' -not -path 'api/web/dist/*' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | digest -)
    [ -f api/web/dist/index.html ] && [ "$(cat "$stamp" 2>/dev/null)" = "$current" ] && return
    find_node
    say "building the web map"
    logged "installing the web map's packages" npm --prefix api/web ci --no-audit --no-fund
    logged "building the web map" npm --prefix api/web run build
    printf '%s\n' "$current" >"$stamp"
}

check_python
install_system_packages
install_python_packages
build_web_map
