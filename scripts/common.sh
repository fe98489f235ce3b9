# Sourced by the other scripts.

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

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "$@" </dev/null
}

# Builds target/debug/salesbook as `make test` does: `cargo build` unites other features of the
# libraries, and would compile everything a second time.
build_program() { cargo test --locked --workspace --no-run --quiet; }

install_node() {
  say "Node is missing, installing it"
  case $(package_manager) in
    apt-get) as_root apt-get update && apt_install nodejs npm ;;
    dnf) as_root dnf install -y nodejs npm </dev/null ;;
    brew) brew install node </dev/null ;;
    *) return 1 ;;
  esac
}

# Makes a virtual environment of Python in a folder, installing what that needs.
make_venv() {
  new_venv "$1" && return
  say "python3 -m venv does not work, installing it"
  case $(package_manager) in
    apt-get) as_root apt-get update && apt_install python3-venv ;;
    dnf) as_root dnf install -y python3 </dev/null ;;
    *) return 1 ;;
  esac
  new_venv "$1"
}

new_venv() { python3 -m venv "$1" 2>/dev/null || { rm -rf "$1"; return 1; }; }

# Where the programs of PostgreSQL may be; the same places as in src/private_pg/find.rs.
postgres_places() {
  if [ -n "${PG_BIN_DIR:-}" ]; then echo "$PG_BIN_DIR"; return; fi
  tr : '\n' <<<"$PATH"
  pg_config --bindir 2>/dev/null || true
  printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin \
    /usr/libexec/postgresql* /usr/local/pgsql/bin /usr/local/bin \
    /{usr/local,opt/homebrew,home/linuxbrew/.linuxbrew}/opt/postgresql@*/bin \
    /Applications/Postgres.app/Contents/Versions/*/bin
}

# Prints the folder with the programs of a PostgreSQL that is new enough; fails if there is none.
postgres_programs() {
  local folder version
  while read -r folder; do
    [ -x "$folder/postgres" ] || continue
    # Distributions link their programs into other folders; the files beside them matter.
    folder=$(dirname "$(readlink -f "$folder/postgres")")
    [ -x "$folder/initdb" ] || continue
    version=$("$folder/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    if [ "${version:-0}" -ge "$oldest_postgres" ]; then echo "$folder"; return; fi
  done < <(postgres_places)
  return 1
}
