#!/usr/bin/env bash
# Builds a release and packs it into target/dist: a binary tarball, a Debian package and SHA256SUMS.
# The same commit and compiler produce the same files: their names are sorted, their owner is root and
# their time is that of the commit, or SOURCE_DATE_EPOCH. PROGRAM names a program that has already been
# built. The Debian package is skipped with a warning if cargo-deb cannot be installed.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$(dirname "$0")/.."

export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
umask 022
[ -n "${PROGRAM:-}" ] || cargo build --locked --release
program=${PROGRAM:-target/release/salesbook}
version=$("$program" --version | awk '{ print $2 }')
host=$(rustc -vV | sed -n 's/^host: //p')
dist=target/dist
name=salesbook-$version-$host
folder=target/dist-files/$name
share=$folder/share
rm -rf "$dist" target/dist-files
mkdir -p "$dist" "$folder/bin" "$share"/{bash-completion/completions,zsh/site-functions,fish/vendor_completions.d}

install "$program" "$folder/bin/salesbook"
"$program" man "$share/man/man1"
"$program" completions bash >"$share/bash-completion/completions/salesbook"
"$program" completions zsh >"$share/zsh/site-functions/_salesbook"
"$program" completions fish >"$share/fish/vendor_completions.d/salesbook.fish"
install -m 644 LICENSE* README.md SECURITY.md CHANGELOG.md deploy/salesbook.service "$folder"
install -m 644 .env.sample "$folder/salesbook.env"
install -m 644 src/docs_page/swagger-ui.LICENSE "$folder/LICENSE-swagger-ui"
# The compiled libraries with their licences; those of the workspace have none of their own.
cargo tree --locked --package salesbook --edges normal,build --prefix none --format '{p}: {l}' |
  grep -v " ($PWD" | sed 's/ (proc-macro)//; s/ (\*)$//' | LC_ALL=C sort -u >"$folder/LIBRARIES"

# The unit of the package differs from the one in the tarball: the package has a user and /usr/bin.
sed -E '/^# systemd unit/,/^\[Unit\]/ { /^#/d }
  s#/usr/local/bin/#/usr/bin/#; s/^DynamicUser=yes$/User=salesbook/' \
  deploy/salesbook.service >target/dist-files/salesbook.service

tar --create --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
  --directory target/dist-files "$name" | gzip -9n >"$dist/$name.tar.gz"

# cargo-deb takes its files from fixed places.
ln -sfn "$name" target/dist-files/package
scripts/cargo-tool.sh deb --no-build --no-strip --locked --quiet --output "$dist/"
(cd "$dist" && sha256sum -- * >SHA256SUMS)
say "in $dist: $(cd "$dist" && echo *)"
