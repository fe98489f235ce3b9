#!/usr/bin/env bash
# A newcomer's first ten minutes on a bare Debian with the README's prerequisites and nothing else: "Two
# commands", then the tour. Needs root, debootstrap, 8 GB of disk and half an hour.
#   tests/hand/newcomer/run.sh [FOLDER]
# MIRROR: where debootstrap fetches packages. SUITE: bookworm. STEPS: "system demo" (or also "test").
set -euo pipefail
project=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(realpath -m "${1:-/tmp/salesbook-newcomer}")
steps=${STEPS:-system demo}
system=$folder/system

say() { printf '\n== %s\n' "$*" >&2; }

# Mounts of our own, which are gone with us, and a process tree of our own, which ends with us.
if [ -z "${INSIDE:-}" ]; then
  exec unshare --mount --pid --fork --kill-child env INSIDE=1 "$0" "$folder"
fi

if [[ $steps = *system* ]]; then
  say "a bare Debian with a C compiler, make, curl, git, and jq for the tour"
  mkdir -p "$folder"
  debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev,make,curl,git,jq,sudo \
    "${SUITE:-bookworm}" "$system" ${MIRROR:+"$MIRROR"}
  # Settings of this machine for the network; debootstrap has written where packages come from.
  cp -r /etc/apt/apt.conf.d "$system/etc/apt/" 2>/dev/null || true
  cp /etc/resolv.conf /etc/hosts "$system/etc/" 2>/dev/null || true
  # The certificates that this machine trusts: there may be a proxy between it and the crates.
  cp -L /etc/ssl/certs/ca-certificates.crt "$system/etc/ssl/certs/"
  chroot "$system" useradd --create-home --shell /bin/bash newcomer
  echo 'newcomer ALL=(ALL) NOPASSWD:ALL' >"$system/etc/sudoers.d/newcomer"
  say "the project as it is committed"
  git -c safe.directory='*' clone --quiet "$project" "$system/home/newcomer/salesbook"
  chroot "$system" chown -R newcomer: /home/newcomer
fi

# The Rust toolchain of this machine, for reading; its settings say where crates come from.
mkdir -p "$system/opt/rust" "$system/home/newcomer/.cargo"
mount --bind -o ro "$(rustc --print sysroot)" "$system/opt/rust"
cp "${CARGO_HOME:-$HOME/.cargo}"/config.toml "$system/home/newcomer/.cargo/" 2>/dev/null || true
chroot "$system" chown -R newcomer: /home/newcomer/.cargo
mount -t proc proc "$system/proc"
mount --rbind /dev "$system/dev"
mount -t tmpfs tmpfs "$system/tmp"

as_newcomer() {
  chroot "$system" su newcomer -c "export PATH=/opt/rust/bin:\$PATH; cd ~/salesbook; $1"
}

as_newcomer 'cargo --version && cc --version | head -1 && make --version | head -1 && curl --version | head -1'

if [[ $steps = *demo* ]]; then
  say "make demo"
  began=$(date +%s)
  as_newcomer 'make demo' >"$folder/demo.out" 2>"$folder/demo.err" &
  demo=$!
  until grep -qs '^logins:' "$folder/demo.out"; do
    kill -0 "$demo" || { tail -20 "$folder/demo.err" >&2; exit 1; }
    sleep 2
  done
  say "ready after $(($(date +%s) - began)) s"
  cat "$folder/demo.out"
  say "the tour"
  as_newcomer scripts/tour.sh
  for process in "$system"/proc/[0-9]*; do
    if [ "$(cat "$process/comm" 2>/dev/null)" = salesbook ]; then kill "${process##*/}"; fi
  done
  wait "$demo" || true
fi

if [[ $steps = *test* ]]; then
  say "make test"
  as_newcomer 'make test'
fi
say "a newcomer gets through"
