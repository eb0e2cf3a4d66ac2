#!/usr/bin/env bash
# Writes requirements/*.lock: exact versions with hashes, for every platform and Python that pyproject.toml allows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tool=${GRIDGIS_HOME:-.gridgis}/lock
[ -x "$tool/bin/uv" ] || { python3 -m venv "$tool" && "$tool/bin/pip" install --quiet uv==0.13.9; }

resolve() {
    local lock=$1
    shift
    "$tool/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --native-tls \
        --generate-hashes --no-annotate --no-header --output-file "requirements/$lock.lock" "$@"
    printf '→ requirements/%s.lock\n' "$lock"
}

# The importers bring the demo grid, so the demo needs them; setuptools installs gridgis itself.
resolve dev pyproject.toml requirements/build.in --all-extras
resolve runtime pyproject.toml requirements/build.in --extra import --constraint requirements/dev.lock
resolve node requirements/node.in
