#!/usr/bin/env bash
# Generates a TypeScript client from the OpenAPI document and compiles it under `tsc --strict`,
# together with a few calls. Skipped, loudly, where npm cannot fetch the tools.
set -euo pipefail
. "$(dirname "$0")/common.sh"

skip() { say "!!! SKIPPED: the TypeScript client ($1)"; exit 0; }

command -v npm >/dev/null || skip "npm is missing"
folder=target/typescript-client
mkdir -p "$folder"
cp scripts/typescript-client/* "$folder"
npm --prefix "$folder" install --silent --no-audit --no-fund >/dev/null || skip "npm cannot fetch the tools"
"$folder/node_modules/.bin/openapi-typescript" openapi/openapi.json -o "$folder/api.ts" >/dev/null
"$folder/node_modules/.bin/tsc" --project "$folder"
say "the generated client compiles under tsc --strict"
