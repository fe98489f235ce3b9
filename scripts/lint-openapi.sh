#!/usr/bin/env bash
# Lints the OpenAPI document with the rules of redocly.yaml. Node is installed from the packages of
# the system. If that fails, the check is skipped with a warning.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# The last major version that runs on the Node 18 of Debian 12.
linter=@redocly/cli@1.34.20
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

skip() { say "!!! SKIPPED: the lint of the OpenAPI document ($1)"; exit 0; }

command -v npx >/dev/null || install_node || skip "Node cannot be installed here"
npx --yes "$linter" --version >/dev/null || skip "npx cannot fetch $linter"
npx --yes "$linter" lint openapi/openapi.json
