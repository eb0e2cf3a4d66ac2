#!/usr/bin/env bash
# Stops the private clusters of this checkout and deletes what was installed, built or stored by it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home=${GRIDGIS_HOME:-.gridgis}

for one in "$home" "$home/test"; do
    [ -f "$one/cluster.json" ] || continue
    GRIDGIS_HOME=$one .venv/bin/python -m sharding stop
    # Data that had to be put elsewhere (see docs/operations.md) is named there.
    elsewhere=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get("directory", ""))' "$one/cluster.json")
    case $elsewhere in /var/lib/gridgis/?*) rm -rf -- "$elsewhere" ;; esac
done
rm -rf -- "$home"/{pg,log,numba,lock,test,demo.gpkg,demo.lock,cluster.json,cluster.lock,pg.password,engine.dsn,api.dsn}
rmdir -- "$home" 2>/dev/null || printf '%s\n' "→ $home holds other files too; these are left"
rm -rf -- .venv api/web/node_modules api/web/dist build ./*.egg-info \
    .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
find . -name __pycache__ -type d -prune -exec rm -rf -- {} +
