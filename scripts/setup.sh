#!/usr/bin/env bash
# Checks that this machine has cargo and a C compiler, and installs the programs of PostgreSQL with
# apt, dnf or brew if they are missing. No server is set up or started: the service and the tests run
# their own.
set -euo pipefail
. "$(dirname "$0")/common.sh"

install_by_apt() {
  local folder=/etc/postgresql-common/createcluster.d
  as_root apt-get update
  if [ "$(offered_by_apt)" -lt "$oldest_postgres" ]; then
    say "this system offers PostgreSQL $(offered_by_apt): adding the PostgreSQL project's packages"
    apt_install postgresql-common ca-certificates
    as_root bash -c 'bash /usr/share/postgresql-common/pgdg/*.sh -y' </dev/null
  fi
  # Prevents the package from creating and starting its own server.
  as_root mkdir -p "$folder"
  echo 'create_main_cluster = false' | as_root tee "$folder/salesbook.conf" >/dev/null
  apt_install postgresql
}

offered_by_apt() {
  local version
  version=$(apt-cache policy postgresql | sed -nE 's/^ *Candidate: ([0-9]+).*/\1/p')
  echo "${version:-0}"
}

for program in cargo cc; do
  if ! command -v "$program" >/dev/null; then
    say "$program is missing: install a Rust toolchain (rustup) and a C compiler first"
    exit 1
  fi
done

needed=$(sed -nE 's/^rust-version = "(.*)"/\1/p' "$(dirname "$0")/../Cargo.toml")
found=$(rustc --version | awk '{ print $2 }')
if [ "$(printf '%s\n' "$needed" "$found" | sort -V | head -n 1)" != "$needed" ]; then
  say "Rust $needed or newer is needed, and this is $found: run 'rustup update'"
  exit 1
fi
if [ "$(id -u)" = 0 ] && ! getent passwd postgres nobody >/dev/null &&
  ! unshare --user true 2>/dev/null; then
  say "PostgreSQL refuses to run as root, and this machine has neither an account 'nobody' nor user" \
    "namespaces: start as another user, or set DATABASE_URL"
  exit 1
fi

# The first argument names the profile that is compiled next.
case ${1:-} in
  demo) [ -e target/demo/salesbook ] || say "compiling follows: about 4 minutes on 2 processors" ;;
  release) [ -e target/release/salesbook ] || say "compiling follows: about 9 minutes on 2 processors" ;;
esac

if postgres_programs >/dev/null; then exit 0; fi
say "no PostgreSQL $oldest_postgres or newer found, installing it"
case $(package_manager) in
  apt-get) install_by_apt ;;
  dnf) as_root dnf install -y postgresql-server postgresql-contrib </dev/null ;;
  brew) brew install postgresql@17 </dev/null ;;
  *) say "no apt, dnf or brew here" ;;
esac || say "the package manager failed"
if ! postgres_programs >/dev/null; then
  say "still no PostgreSQL $oldest_postgres or newer: install it manually, set PG_BIN_DIR to the" \
    "folder of its programs, or set DATABASE_URL to use a server of your own"
  exit 1
fi
