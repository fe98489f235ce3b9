#!/usr/bin/env bash
# Fetches Swagger UI from the npm registry and copies the two files that the API page needs, compressed,
# and the licences to src/docs_page: scripts/vendor-docs-page.sh [VERSION]
set -euo pipefail
version=${1:-5.35.0}
folder=$(cd "$(dirname "$0")/../src/docs_page" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "swagger-ui-dist@$version" >/dev/null
tar xzf swagger-ui-dist-*.tgz
for file in swagger-ui-bundle.js swagger-ui.css; do
  gzip -9nc "package/$file" >"$folder/$file.gz"
done
{ cat package/NOTICE; echo; cat package/swagger-ui-bundle.js.LICENSE.txt; echo; cat package/LICENSE; } \
  >"$folder/swagger-ui.LICENSE"
