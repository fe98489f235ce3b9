#!/usr/bin/env bash
# Compiles a crate of the workspace. Cargo calls it instead of rustc (RUSTC_WORKSPACE_WRAPPER), so that
# one build also lints and documents: tests are linted by clippy, together with the code that they test,
# and libraries are documented from the dependencies that they were compiled with. A library must use
# each of its dependencies. Cargo's output contains the warnings of all.
set -euo pipefail

case " $* " in
  *" --test "* | *" --crate-name build_script"*) exec clippy-driver "$@" ;;
  *" --crate-type lib "*) ;;
  *) exec "$@" ;;
esac
"$@" -W unused_crate_dependencies
# Nobody reads the documentation of generated tables.
case " $* " in *" --crate-name schema "*) exit 0 ;; esac

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
