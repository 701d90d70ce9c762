#!/usr/bin/env bash
# Fuzzes every target, or those that are named, FUZZ_SECONDS each (an hour unless said otherwise), FUZZ_AT_ONCE at a time.
#   fuzz.sh [TARGET…]
# FUZZ_SEED makes a run repeatable.
# What is found beyond the stored corpus stays in FUZZ_DIR, and so do inputs that crash: `fuzz/README.md` says what to do with one.
# It closes with one line over all targets: "N passed, N failed".
set -uo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT/fuzz" || exit 1

seconds=${FUZZ_SECONDS:-3600}
at_once=${FUZZ_AT_ONCE:-2}
dir=${FUZZ_DIR:-$CACHE/fuzz}
# Of one input: time, and memory of the process.
LIMITS=(-timeout=20 -rss_limit_mb=2560)
# The same seed and nothing but the stored corpus try the same inputs in the same order: what CI found is found again.
if [ -n "${FUZZ_SEED:-}" ]; then
    LIMITS+=(-seed="$FUZZ_SEED")
    dir=$(mktemp -d)
fi

if [ $# -eq 0 ]; then
    for target in targets/*.rs; do set -- "$@" "$(basename "$target" .rs)"; done
fi
programs=()
for target in "$@"; do programs+=(--bin "$target"); done

printf '==> build the fuzz targets\n'
started=$SECONDS
# A folder of its own, for each version of the flags: cargo does not compare what a wrapper does.
export CARGO_TARGET_DIR=$TARGET/fuzz-$(cksum <rustc.sh | cut -d " " -f 1) RUSTC_WRAPPER=$PWD/rustc.sh
host=$(rustc -vV | sed -n 's/^host: //p')
if ! cargo build --locked --release --target "$host" "${programs[@]}" </dev/null; then
    echo "fuzzing: 0 passed, 1 failed"
    exit 1
fi
printf '==> build the fuzz targets: done in %d s\n' $((SECONDS - started))

# Prints a line with what was done, or the end of the log. CPU time is the process's own, user and system.
fuzz() {
    local target=$1 corpus=$dir/corpus/$1 log=$dir/$1.log times
    mkdir -p "$corpus" "$dir/found"
    if { TIMEFORMAT='cpu %U %S'; time "$CARGO_TARGET_DIR/$host/release/$target" -max_total_time="$seconds" "${LIMITS[@]}" \
        -artifact_prefix="$dir/found/$target-" -print_final_stats=1 "$corpus" "corpus/$target" >"$log" 2>&1; } 2>"$log.time"; then
        times=$(awk '/^cpu/ { printf "%.0f", $2 + $3 }' "$log.time")
        awk -v target="$target" -v cpu="$times" '/^stat::number_of_executed_units/ { runs = $2 } / cov: / { line = $0 }
            END { match(line, /cov: [0-9]+/); printf "%-8s ok: %s executions, %s s of CPU, %s\n", target, runs, cpu, substr(line, RSTART, RLENGTH) }' "$log"
        return 0
    fi
    printf '%-8s FAILED, the end of %s:\n' "$target" "$log"
    tail -n 25 "$log" | cut -c 1-400 | sed 's/^/  | /'
    return 1
}

failed=0
running=0
for target in "$@"; do
    if [ "$running" -ge "$at_once" ]; then
        wait -n || failed=$((failed + 1))
        running=$((running - 1))
    fi
    fuzz "$target" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=$((failed + 1))
    running=$((running - 1))
done
echo "fuzzing: $(($# - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
