#!/usr/bin/env bash
# Generates a Python client from the OpenAPI document with openapi-python-client, compiles all of its
# modules and runs a salesperson's day. Skipped with a warning if pip cannot fetch the tools.
set -euo pipefail
. "$(dirname "$0")/common.sh"

skip() { say "!!! SKIPPED: the Python client ($1)"; exit 0; }

tool=target/openapi-python-client
folder=target/python-client
if [ ! -x "$tool/bin/openapi-python-client" ]; then
  make_venv "$tool" || skip "python3 -m venv does not work"
  "$tool/bin/pip" install --quiet --require-hashes -r scripts/python-client/requirements.txt ||
    { rm -rf "$tool"; skip "pip cannot fetch the tools"; }
fi
rm -rf "$folder"
mkdir -p "$folder"
cp scripts/python-client/day.py "$folder"
PATH="$PWD/$tool/bin:$PATH" "$tool/bin/openapi-python-client" generate --meta none \
  --path openapi/openapi.json --output-path "$folder/salesbook_client" >"$folder/log" 2>&1 ||
  { cat "$folder/log" >&2; exit 1; }
"$tool/bin/python" -m compileall -q "$folder"
scripts/with-service.sh "$tool/bin/python" "$folder/day.py"
say "the generated Python client compiles and completes its day"
