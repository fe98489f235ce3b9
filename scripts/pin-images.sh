#!/usr/bin/env bash
# Pins the base images of the Dockerfile and of docker-compose.yml to the current digests of their
# tags: `debian:bookworm-slim@sha256:…`. Run it again to update the digests, and commit the changes.
# `--check` changes nothing and fails if an image is not pinned. The digests come from the registry,
# so that pinning needs docker with buildx and a network. Digests are never edited manually.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$(dirname "$0")/.."

files=(Dockerfile docker-compose.yml)

# Prints the images that the files name, without the build stages.
images() {
  sed -nE 's/^(FROM +| *image: +|# syntax=)([^ ]+:[^ ]+).*/\2/p' "${files[@]}" | sort -u
}

# Prints the digest of the multi-platform index to which a tag points.
digest() {
  docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1"
}

if [ "${1:-}" = --check ]; then
  loose=$(images | grep -v '@sha256:[0-9a-f]\{64\}$' || true)
  if [ -z "$loose" ]; then exit 0; fi
  say "!!! NOT PINNED BY DIGEST: $(tr '\n' ' ' <<<"$loose")"
  say "!!! run 'make pin' where docker reaches the registry, and commit the changes"
  exit 1
fi

if ! docker buildx version >/dev/null 2>&1; then
  say "!!! NOTHING IS PINNED: docker with buildx is missing here"
  exit 1
fi
for image in $(images); do
  tag=${image%@*}
  if ! found=$(digest "$tag") || ! [[ $found =~ ^sha256:[0-9a-f]{64}$ ]]; then
    say "!!! NOT PINNED: the registry returns no digest for $tag"
    exit 1
  fi
  say "$tag is $found"
  sed -i.before -E "s#^(FROM +| *image: +|\# syntax=)${image//./\\.}( |\$)#\1$tag@$found\2#" "${files[@]}"
  rm -f "${files[@]/%/.before}"
done
