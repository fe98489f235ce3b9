# Sourced by the other scripts: talks to the system's package manager, as root by sudo when needed.

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
