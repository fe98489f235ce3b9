#!/usr/bin/env bash
# Runs the shell blocks of the tour in README.md and of the starter example in one shell, as a reader
# would, against a demo that has just been started: scripts/tour.sh [URL [TEXT…]]. Stops at the first
# block that fails.
set -eu
. "$(dirname "$0")/common.sh"

url=${1:-http://127.0.0.1:8080}
shift || true
[ $# -gt 0 ] || set -- README.md examples/starter/README.md
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ln -s "$root/examples" "$folder/examples"
command -v salesbook >/dev/null || ln -s "$root/target" "$folder/target"
cd "$folder"
export SALESBOOK_URL=$url

# One file per block, named after its document and the line on which it begins.
number=0
for text in "$@"; do
  number=$((number + 1))
  awk -v url="$url" -v prefix="$number:${text//\//+}" '
    /^## / { elsewhere = FILENAME !~ /examples/ && !/^## A tour/ }
    !elsewhere && /^```sh$/ { file = sprintf("%s:%04d.sh", prefix, NR + 1); next }
    /^```$/ { if (file) close(file); file = "" }
    file { gsub("http://127.0.0.1:8080", url); print > file }
  ' "$root/$text"
done

# Runs curl and records the status of each response.
curl() { command curl --write-out '%{stderr}%{http_code} %{method} %{url}\n' "$@" 2>>requests; }

# Checks for the refusals that the README shows on purpose.
is_shown_refusal() {
  case $1 in
    "412 PATCH "*/customers/*) grep -q '苏州' "$2" ;;
    "422 POST "*/customers) grep -q colour "$2" ;;
    *) false ;;
  esac
}

fail() {
  trap - ERR
  cat "$block" out requests >&2
  local line=${block##*:} text=${block#*:}
  text=${text%:*}
  say "${text//+//}:$((10#${line%.sh})): $1"
  exit 1
}
trap 'fail "a command failed"' ERR

for block in *.sh; do
  : >requests
  # shellcheck disable=SC1090
  . "./$block" >out
  cat out
  if grep -qxE 'null|\[\]' out; then fail "it prints null"; fi
  if grep -qE '^(curl|jq)' "$block" && [ ! -s out ]; then fail "it prints nothing"; fi
  while read -r request; do
    case $request in
      2*) ;;
      *) is_shown_refusal "$request" "$block" || fail "not expected: $request" ;;
    esac
  done <requests
done
say "all blocks succeed: $*"
