#!/usr/bin/env bash
# Starts a service on loopback and runs a command with SALESBOOK_URL and SALESBOOK_ADMIN_PASSWORD set.
# SALESBOOK names the program; by default it is built.
set -euo pipefail
. "$(dirname "$0")/common.sh"

program=${SALESBOOK:-target/debug/salesbook}
[ -n "${SALESBOOK:-}" ] || build_program
folder=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
export SALESBOOK_URL=http://127.0.0.1:$port SALESBOOK_ADMIN_PASSWORD=bamboo-$RANDOM-$RANDOM
SALESBOOK_LOG=error "$program" serve --data-dir "$folder/data" --listen "127.0.0.1:$port" \
  >"$folder/log" 2>&1 &
service=$!
finish() { kill "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true; rm -rf "$folder"; }
trap finish EXIT
for _ in $(seq 240); do
  if curl -fsS "$SALESBOOK_URL/health/ready" >/dev/null 2>&1; then break; fi
  kill -0 "$service" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
  sleep 0.25
done
"$@" || { cat "$folder/log" >&2; exit 1; }
