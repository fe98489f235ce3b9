#!/usr/bin/env bash
# Pins the base images of the Dockerfile and of docker-compose.yml to the digests that their tags have
# today: `debian:bookworm-slim@sha256:…`. Run it again to take newer ones, and commit the difference.
# `--check` changes nothing and fails while an image is not pinned. The digests come from the registry,
# so that pinning needs docker with buildx and a network; nobody writes a digest by hand.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$(dirname "$0")/.."

files=(Dockerfile docker-compose.yml)

# The images that the files name, without the stages of the build itself.
images() {
  sed -nE 's/^(FROM +| *image: +|# syntax=)([^ ]+:[^ ]+).*/\2/p' "${files[@]}" | sort -u
}

# The digest of the list for all platforms, which a tag points to.
digest() {
  docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1"
}

if [ "${1:-}" = --check ]; then
  loose=$(images | grep -v '@sha256:[0-9a-f]\{64\}$' || true)
  if [ -z "$loose" ]; then exit 0; fi
  say "!!! NOT PINNED BY DIGEST: $(tr '\n' ' ' <<<"$loose")"
  say "!!! run 'make pin' where docker reaches the registry, and commit the difference"
  exit 1
fi

if ! docker buildx version >/dev/null 2>&1; then
  say "!!! NOTHING IS PINNED: docker with buildx is missing here"
  exit 1
fi
for image in $(images); do
  tag=${image%@*}
  if ! found=$(digest "$tag") || ! [[ $found =~ ^sha256:[0-9a-f]{64}$ ]]; then
    say "!!! NOT PINNED: the registry does not tell the digest of $tag"
    exit 1
  fi
  say "$tag is $found"
  sed -i.before -E "s#^(FROM +| *image: +|\# syntax=)${image//./\\.}( |\$)#\1$tag@$found\2#" "${files[@]}"
  rm -f "${files[@]/%/.before}"
done
