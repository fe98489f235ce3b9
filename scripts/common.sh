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
