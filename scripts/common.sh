# Functions for the other scripts, which source this file.

oldest_postgres=15

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else say "neither root nor sudo, cannot run: $*"; return 1
  fi
}

package_manager() {
  local name
  for name in apt-get dnf brew; do
    if command -v "$name" >/dev/null; then echo "$name"; return; fi
  done
}

# Scripts that run at the same time wait for each other here, because apt-get fails if another one runs.
apt_install() {
  (
    flock 9 && as_root apt-get update </dev/null &&
      as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@" </dev/null
  ) 9<"${BASH_SOURCE[0]}"
}

# Builds target/debug/salesbook in the same way as `make test`. `cargo build` would select other
# features of the libraries and compile everything a second time.
build_program() { cargo test --locked --workspace --exclude schema --lib --bins --tests --no-run --quiet; }

install_node() {
  say "Node is missing, installing it"
  case $(package_manager) in
    apt-get) apt_install nodejs npm ;;
    dnf) as_root dnf install -y nodejs npm </dev/null ;;
    brew) brew install node </dev/null ;;
    *) return 1 ;;
  esac
}

# Creates a Python virtual environment in a folder, and installs the module venv if it is missing.
make_venv() {
  new_venv "$1" && return
  say "python3 -m venv does not work, installing it"
  case $(package_manager) in
    apt-get) apt_install python3-venv ;;
    dnf) as_root dnf install -y python3 </dev/null ;;
    *) return 1 ;;
  esac
  new_venv "$1"
}

new_venv() { python3 -m venv "$1" 2>/dev/null || { rm -rf "$1"; return 1; }; }

# Prints the folders that may contain the programs of PostgreSQL, the same as in
# src/private_pg/find.rs.
postgres_places() {
  if [ -n "${PG_BIN_DIR:-}" ]; then echo "$PG_BIN_DIR"; return; fi
  tr : '\n' <<<"$PATH"
  pg_config --bindir 2>/dev/null || true
  printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin \
    /usr/libexec/postgresql* /usr/local/pgsql/bin /usr/local/bin \
    /{usr/local,opt/homebrew,home/linuxbrew/.linuxbrew}/opt/postgresql@*/bin \
    /Applications/Postgres.app/Contents/Versions/*/bin
}

# Prints the folder with the programs of a PostgreSQL that is new enough, or fails if there is none.
postgres_programs() {
  local folder version
  while read -r folder; do
    [ -x "$folder/postgres" ] || continue
    # Distributions link the programs into other folders, where their other files are missing.
    folder=$(dirname "$(readlink -f "$folder/postgres")")
    [ -x "$folder/initdb" ] || continue
    version=$("$folder/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    if [ "${version:-0}" -ge "$oldest_postgres" ]; then echo "$folder"; return; fi
  done < <(postgres_places)
  return 1
}
