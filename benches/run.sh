#!/usr/bin/env bash
# Builds the service for release, finds or installs the load generator, and runs the benchmarks.
# SALESBOOK_BIN names an existing binary to measure. See README.md for the other variables.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

if ! PG_BIN_DIR=$(postgres_programs); then
  say "no PostgreSQL here: run scripts/setup.sh first"
  exit 1
fi
if [ ! -x "$PG_BIN_DIR/pgbench" ]; then
  say "no pgbench next to $PG_BIN_DIR/postgres: install PostgreSQL's client programs"
  exit 1
fi
if ! command -v wrk >/dev/null; then
  case $(package_manager) in
    apt-get) apt_install wrk ;;
    dnf) as_root dnf install -y wrk </dev/null ;;
    brew) brew install wrk </dev/null ;;
  esac || true
  if ! command -v wrk >/dev/null; then say "wrk is missing: install it manually"; exit 1; fi
fi
if [ -z "${SALESBOOK_BIN:-}" ]; then
  cargo build --locked --release
  SALESBOOK_BIN=${CARGO_TARGET_DIR:-target}/release/salesbook
fi
export PG_BIN_DIR SALESBOOK_BIN
exec python3 benches/bench.py "$@"
