#!/usr/bin/env bash
# Generates a Kotlin client from the OpenAPI document with openapi-generator and compiles it. OkHttp is
# replaced by its declarations, because fetching it would require one more registry. Skipped with a
# warning if the tools are not available.
set -euo pipefail
. "$(dirname "$0")/common.sh"

skip() { say "!!! SKIPPED: the Kotlin client ($1)"; exit 0; }

install_java() {
  [ "$(package_manager)" = apt-get ] || return 1
  apt_install default-jre-headless libgoogle-gson-java
}

gson=/usr/share/java/gson.jar
tool=target/openapi-generator
folder=target/kotlin-client
if ! command -v java >/dev/null || [ ! -e "$gson" ]; then
  install_java || skip "neither Java nor Gson can be installed here"
fi
command -v npm >/dev/null || install_node || skip "Node cannot be installed here"
if [ ! -x "$tool/bin/python" ]; then
  make_venv "$tool" || skip "python3 -m venv does not work"
  "$tool/bin/pip" install --quiet --require-hashes -r scripts/kotlin-client/requirements.txt ||
    { rm -rf "$tool"; skip "pip cannot fetch openapi-generator"; }
fi
mkdir -p "$folder"
cp scripts/kotlin-client/package*.json "$folder"
npm --prefix "$folder" ci --silent --no-audit --no-fund >/dev/null || skip "npm cannot fetch Kotlin"
lib=$folder/node_modules/kotlin-compiler/lib
rm -rf "$folder/client" "$folder/classes"
java -jar "$tool"/lib/python3*/site-packages/openapi_generator_cli/openapi-generator.jar generate \
  --generator-name kotlin --input-spec openapi/openapi.json --output "$folder/client" \
  --additional-properties serializationLibrary=gson \
  --global-property apiTests=false,modelTests=false,apiDocs=false,modelDocs=false,skipFormModel=false \
  >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
java -Xmx3g -cp "$lib/kotlin-compiler.jar" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler -nowarn \
  -no-stdlib -no-reflect -classpath "$lib/kotlin-stdlib.jar:$gson" -d "$folder/classes" \
  "$folder/client/src/main/kotlin" scripts/kotlin-client/okhttp.kt
say "the generated Kotlin client compiles"
