#!/usr/bin/env bash
# Tells the coordinator its own name and its workers; doing so again changes nothing.
set -euo pipefail
ask() { psql --no-psqlrc --quiet --tuples-only --set ON_ERROR_STOP=1 --host coordinator --command "$1"; }
ask "SELECT citus_set_coordinator_host('coordinator', 5432)"
for worker in "$@"; do
    ask "SELECT citus_add_node('$worker', 5432)"
done
ask "SELECT nodename, isactive FROM pg_dist_node ORDER BY nodename"
