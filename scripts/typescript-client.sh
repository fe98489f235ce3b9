#!/usr/bin/env bash
# Generates TypeScript types from the OpenAPI document with default flags, compiles them under
# `tsc --strict` together with a salesperson's day, and runs that day. Skipped with a warning if npm
# cannot fetch the tools.
set -euo pipefail
. "$(dirname "$0")/common.sh"

skip() { say "!!! SKIPPED: the TypeScript client ($1)"; exit 0; }

folder=target/typescript-client
mkdir -p "$folder"
cp scripts/typescript-client/* "$folder"
command -v npm >/dev/null || install_node || skip "Node cannot be installed here"
npm --prefix "$folder" ci --silent --no-audit --no-fund >/dev/null || skip "npm cannot fetch the tools"
"$folder/node_modules/.bin/openapi-typescript" openapi/openapi.json -o "$folder/api.ts" >/dev/null
"$folder/node_modules/.bin/tsc" --project "$folder"
scripts/with-service.sh node "$folder/out/day.js"
say "the generated TypeScript client compiles and completes its day"
