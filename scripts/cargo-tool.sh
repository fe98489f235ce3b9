#!/usr/bin/env bash
# Runs a cargo subcommand that may have to be installed first: scripts/cargo-tool.sh deny check …
# Where it cannot be installed the check is skipped, loudly.
set -euo pipefail
. "$(dirname "$0")/common.sh"

tool=$1
if ! cargo "$tool" --version >/dev/null 2>&1; then
  say "installing cargo-$tool, which takes some minutes once"
  if ! cargo install --locked "cargo-$tool"; then
    say "!!! SKIPPED: cargo $* (cargo-$tool cannot be installed here)"
    exit 0
  fi
fi
cargo "$@"
