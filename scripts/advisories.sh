#!/usr/bin/env bash
# Compares the dependencies with the RustSec advisories. The database is fetched first: a known
# weakness fails, a database that cannot be reached is told loudly and fails only when
# ADVISORIES=required says so, as it does where there is a network, such as before a release.
set -euo pipefail
. "$(dirname "$0")/common.sh"

not_checked() {
  say "!!! NOT CHECKED: cargo deny check advisories ($1)"
  say "!!! the dependencies may have known weaknesses; run 'make advisories' where there is a network"
  if [ "${ADVISORIES:-}" = required ]; then exit 1; fi
  exit 0
}

cd "$(dirname "$0")/.."
scripts/cargo-tool.sh deny --version >/dev/null
cargo deny --version >/dev/null 2>&1 || not_checked "cargo-deny cannot be installed here"
if ! said=$(timeout 120 cargo deny fetch db 2>&1); then
  not_checked "the advisory database cannot be reached: $(tail -n 1 <<<"$said")"
fi
cargo deny check --disable-fetch advisories
