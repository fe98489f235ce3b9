#!/usr/bin/env bash
# Runs a cargo subcommand and installs it first if necessary: scripts/cargo-tool.sh deny check …
# If it cannot be installed, the check is skipped with a warning.
set -euo pipefail
. "$(dirname "$0")/common.sh"

tool=$1
if ! cargo "$tool" --version >/dev/null 2>&1; then
  say "installing cargo-$tool, which takes some minutes the first time"
  if ! cargo install --locked "cargo-$tool"; then
    say "!!! SKIPPED: cargo $* (cargo-$tool cannot be installed here)"
    exit 0
  fi
fi
cargo "$@"
