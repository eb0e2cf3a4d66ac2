#!/usr/bin/env bash
# The gate: format, lint, import contracts, types. Runs all of it, then fails if any part did.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin failed=0

part() {
    printf '→ %s\n' "$1"
    shift
    "$@" || failed=1
}

# The type checker reads each process's Django settings; nothing connects to these.
types() {
    local settings=$1
    shift
    GRIDGIS_ENGINE_DSN=postgresql://nobody@127.0.0.1:1/none GRIDGIS_API_DSN=postgresql://nobody@127.0.0.1:1/none \
        DJANGO_SETTINGS_MODULE=$settings "$bin/mypy" --cache-dir ".mypy_cache/$settings" "$@"
}

part "format" "$bin/ruff" format --check --quiet .
part "lint" "$bin/ruff" check --quiet .
part "import contracts" "$bin/lint-imports" --cache-dir .import_linter_cache
part "types of the engine" types gis_service.settings --exclude '^tests/(api|browser)/' \
    gis_service layers sharding compiling serving demo benchmarks scripts soak tests
api_tests=()
for directory in tests/api tests/browser; do [ -d "$directory" ] && api_tests+=("$directory"); done
part "types of the business API" types api.settings api "${api_tests[@]}"
exit $failed
