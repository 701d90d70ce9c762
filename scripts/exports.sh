#!/usr/bin/env bash
# Learns the documents of learnbench from traffic, exports each as OpenAPI, and has it judged by two linters that know nothing
# of each other. learnbench lies beside this project's folder in ../shared and may be absent. EXPORT_SPECS and EXPORT_N choose
# less or more: all documents and 5 requests an operation by default.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"

tool=../shared/learnbench/learnbench.py
[ -f "$tool" ] || { echo "exports: learnbench is not at $tool, left out"; exit 0; }
out=target/exports
mkdir -p "$out"
python3 "$tool" setup >"$out/setup.log" 2>&1
# `literal` learns nothing: what is wanted of this run is its traffic.
python3 "$tool" run --peer literal --port "${EXPORT_PORT:-18100}" --n "${EXPORT_N:-5}" ${EXPORT_SPECS:+--specs "$EXPORT_SPECS"} --keep --out "$out/traffic" >"$out/traffic.log" 2>&1
cargo build --locked --release --package understudy-contract --example learn_har

passed=0 failed=0
for har in "$out"/traffic/*/traffic.har; do
    name=$(basename "$(dirname "$har")")
    document=$out/$name.json
    "$TARGET/release/examples/learn_har" "$har" >"$document" 2>"$out/$name.log"
    if "$TOOLS/exports/venv/bin/openapi-spec-validator" "$document" >>"$out/$name.log" 2>&1 &&
        REDOCLY_TELEMETRY=off "$TOOLS/exports/node_modules/.bin/redocly" lint --extends spec --format stylish "$document" >>"$out/$name.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "exports: $name is not valid, see $out/$name.log"
    fi
done
echo "exports: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
