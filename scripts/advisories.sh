#!/usr/bin/env bash
# Checks the dependencies against the RustSec advisories. The database is fetched first. A known
# vulnerability fails. An unreachable database only prints a warning, unless ADVISORIES=required is
# set, which should be the case wherever there is a network, such as before a release.
set -euo pipefail
. "$(dirname "$0")/common.sh"

not_checked() {
  say "!!! NOT CHECKED: cargo deny check advisories ($1)"
  say "!!! the dependencies may have known vulnerabilities; run 'make advisories' where there is a network"
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
