#!/usr/bin/env bash
# Compiles a crate of the workspace with the lints of clippy, and documents a library from the same
# dependencies, so that .ci/run compiles everything once. Cargo calls it instead of rustc
# (RUSTC_WORKSPACE_WRAPPER); warnings of both appear in cargo's output.
set -euo pipefail

clippy-driver "$@"

for argument; do
  case $argument in
    --test | --print | --print=* | -vV | proc-macro | bin) exit 0 ;;
  esac
done
[ "${2:-}" = --crate-name ] || exit 0

shift
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --emit=*) ;;
    --out-dir) shift ;;
    -C) shift; case $1 in metadata=*) arguments+=(-C "$1") ;; esac ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
rustdoc "${arguments[@]}" --out-dir "${CARGO_TARGET_DIR:-target}/doc"
