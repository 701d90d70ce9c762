#!/usr/bin/env bash
# Measures the release build: the data plane (bench/README.md); with learnbench and twinbench, which lie beside this
# project's folder in ../shared and may be absent; and what a plugin call costs. docs/benchmarks.md says what the tables mean.
# BENCH_SPECS and BENCH_N choose less of learnbench.
set -uo pipefail
. "$(dirname "$0")/env.sh"
. "$(dirname "$0")/builds.sh"
cd "$ROOT" || exit 1

out=target/bench
mkdir -p "$out"
export UNDERSTUDY_CMD="$TARGET/release/understudy serve"

bench_learning() {
    local tool=../shared/learnbench/learnbench.py
    [ -f "$tool" ] || { echo "bench: learnbench is not at $tool, left out"; return 0; }
    python3 "$tool" setup >"$out/learnbench-setup.log" 2>&1 &&
        python3 "$tool" run --proxy understudy --n "${BENCH_N:-20}" ${BENCH_SPECS:+--specs "$BENCH_SPECS"} --out "$out/learnbench"
}

bench_twin() {
    local tool=../shared/twinbench/twinbench.py
    [ -f "$tool" ] || { echo "bench: twinbench is not at $tool, left out"; return 0; }
    python3 "$tool" setup -a understudy >"$out/twinbench-setup.log" 2>&1 &&
        python3 "$tool" run -a understudy -a understudy-failover -o "$out/twinbench.json"
}

bench_data_plane() {
    build_plugins && cargo build --locked --release --package understudy-bench && python3 bench/run.py --out "$out/data-plane.json"
}

cargo leptos build --release || exit 1
status=0
bench_data_plane || status=1
bench_learning || status=1
bench_twin || status=1
cargo bench --locked --package understudy-plugin-host --bench calls || status=1
exit $status
