#!/usr/bin/env bash
# Runs a cargo subcommand and installs a pinned version first if there is none:
# scripts/cargo-tool.sh deny check … If it cannot be installed, the check is skipped with a warning.
set -euo pipefail
. "$(dirname "$0")/common.sh"

tool=$1
case $tool in
  deb) version=3.8.0 ;;
  deny) version=0.20.2 ;;
  *) say "no version of cargo-$tool is pinned here"; exit 1 ;;
esac
if ! cargo "$tool" --version >/dev/null 2>&1; then
  say "installing cargo-$tool $version, which takes some minutes the first time"
  # Not optimized: each runs for some seconds, and compiling it takes minutes. Not with our own lints.
  if ! env -u RUSTC_WORKSPACE_WRAPPER cargo install --debug --locked --version "$version" "cargo-$tool"; then
    say "!!! SKIPPED: cargo $* (cargo-$tool cannot be installed here)"
    exit 0
  fi
fi
cargo "$@"
