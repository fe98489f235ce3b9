#!/usr/bin/env bash
# Fuzzes the API of a service with the demo company, as an admin and as a salesperson, with valid and
# invalid requests according to the OpenAPI document (schemathesis, settings in schemathesis.toml).
# Any 500, any undocumented response and any accepted invalid request fails. EXAMPLES is the number of
# examples per operation (default: 5), SEED that of the generated requests (default: 1), FUZZ_SECONDS the
# time after which a run ends. SALESBOOK is the path of the program; by default it is built.
set -euo pipefail
. "$(dirname "$0")/common.sh"

skip() { say "!!! SKIPPED: the fuzzing of the API ($1)"; exit 0; }

tool=target/schemathesis

if [ ! -x "$tool/bin/schemathesis" ]; then
  make_venv "$tool" || skip "python3 -m venv does not work"
  "$tool/bin/pip" install --quiet 'schemathesis==4.32.5' || { rm -rf "$tool"; skip "pip cannot fetch it"; }
fi
program=${SALESBOOK:-target/debug/salesbook}
[ -n "${SALESBOOK:-}" ] || build_program
folder=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
url=http://127.0.0.1:$port
SALESBOOK_LOG=error "$program" demo --data-dir "$folder/data" --listen "127.0.0.1:$port" \
  >"$folder/demo.log" 2>"$folder/errors.log" &
service=$!
finish() { kill "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true; rm -rf "$folder"; }
trap finish EXIT
for _ in $(seq 240); do
  grep -q 'try:' "$folder/demo.log" && break
  kill -0 "$service" 2>/dev/null || { cat "$folder/errors.log" >&2; exit 1; }
  sleep 0.5
done

token() {
  curl -fsS "$url/api/v1/auth/login" -H 'content-type: application/json' \
    -d "{\"username\":\"$1\",\"password\":\"$2\"}" | sed 's/.*"access_token":"\([^"]*\).*/\1/'
}
# schemathesis cannot generate lines of JSON, and responses with selected fields lack fields that the
# document requires.
curl -fsS "$url/openapi.json" | python3 -c '
import json, sys
document = json.load(sys.stdin)
for item in document["paths"].values():
    for operation in item.values():
        operation.get("requestBody", {}).get("content", {}).pop("application/x-ndjson", None)
        parameters = operation.get("parameters", [])
        operation["parameters"] = [known for known in parameters if known["name"] != "fields"]
json.dump(document, sys.stdout)
' >"$folder/openapi.json"
run() {
  local token report=$folder/$1.log
  token=$(token "$1" "$2")
  [ -n "$token" ] || { say "$1 cannot log in"; return 1; }
  NO_COLOR=1 "$tool/bin/schemathesis" run "$folder/openapi.json" --url "$url" -H "Authorization: Bearer $token" \
    --phases=examples,coverage,fuzzing,stateful -n "${EXAMPLES:-5}" --workers 1 --no-color \
    --seed "${SEED:-1}" ${FUZZ_SECONDS:+--max-time "$FUZZ_SECONDS"} \
    --generation-database none >"$report" 2>&1 || { cat "$report" >&2; return 1; }
  say "as $1"
  sed -n '/^API Operations/,/^$/p' "$report" >&2
  tail -n 6 "$report" >&2
  curl -fsS "$url/api/v1/me" -H "Authorization: Bearer $token" >/dev/null ||
    say "!!! a request ended the session of $1: all later requests were refused"
}
# At the same time: a run keeps one processor busy, mostly with the making of requests.
run wang.fang seller-bamboo-41 &
other=$!
failed=0
run admin demo-admin-2026 || failed=1
wait "$other" || failed=1
exit "$failed"
