#!/usr/bin/env bash
# Regenerates src/schema/lib.rs: applies all migrations to a temporary PostgreSQL and runs
# `diesel print-schema`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

if ! command -v diesel >/dev/null; then
  say "diesel is missing; it needs libpq (apt: libpq-dev):" \
    "cargo install --locked diesel_cli --no-default-features --features postgres"
  exit 1
fi
programs=$(postgres_programs) || { say "no PostgreSQL found: run scripts/setup.sh"; exit 1; }
folder=$(mktemp -d)

# PostgreSQL refuses to run as root.
unprivileged=()
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  unprivileged=(runuser -u postgres --)
fi
server() { (cd "$folder" && "${unprivileged[@]}" "$programs/$@"); }
finish() {
  server pg_ctl stop -D "$folder/data" -m immediate >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap finish EXIT

server initdb -D "$folder/data" -U postgres -A trust --locale=C --encoding=UTF8 --no-sync >/dev/null
server pg_ctl start -w -D "$folder/data" -l "$folder/log" \
  -o "-c listen_addresses='' -c fsync=off -k $folder" >/dev/null
database="postgres://postgres@/postgres?host=$folder"
for migration in migrations/*/up.sql; do
  "$programs/psql" -Xq1 -v ON_ERROR_STOP=1 -f "$migration" "$database"
done
diesel --database-url "$database" print-schema >"$folder/schema.rs"
# Our arrays contain no nulls, which diesel cannot know. Of all pairs of tables, only those with a
# foreign key and the ones named here appear in one query: the list of all takes twice as long to
# compile, in this crate and in every one that uses it.
sed -E 's/Array<Nullable<(\w+)>>/Array<\1>/' "$folder/schema.rs" |
  awk -v more="webhook_deliveries, webhook_positions" '
    function pair(names) { if (!(names in seen)) { seen[names]; pairs = pairs allow "!(" names ");\n" } }
    BEGIN { allow = "diesel::allow_tables_to_appear_in_same_query" }
    index($0, allow) { all = 1 }
    !all
    /^\);/ { all = 0 }
    /^diesel::joinable!/ { split($0, it, /[( ]/); pair(it[2] < it[4] ? it[2] ", " it[4] : it[4] ", " it[2]) }
    END { pair(more); printf "%s", pairs }' >src/schema/lib.rs
say "src/schema/lib.rs has been regenerated"
