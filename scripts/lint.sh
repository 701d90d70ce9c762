#!/usr/bin/env bash
# Formatting, clippy and the documentation's links, warnings as errors, each set of crates for its own target.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$(dirname "$0")/builds.sh"
cd "$ROOT"

run() {
    local started=$SECONDS title=$1
    shift
    printf '\n==> %s\n' "$title"
    "$@"
    printf '==> %s: done in %d s\n' "$title" $((SECONDS - started))
}

# Sending traces takes another HTTP client and protobuf, which only those have who ask for it.
without_traces() { ! cargo tree --locked --package understudy-server --edges normal | grep -i opentelemetry; }

run "formatting" cargo fmt --all --check
run "no traces unless asked for" without_traces
if [ -x "$TOOLS/deny/bin/cargo-deny" ]; then
    run "licences, bans, sources" "$TOOLS/deny/bin/cargo-deny" --locked check licenses bans sources
fi
run "clippy: server" cargo clippy --locked --all-targets "${NATIVE[@]}" -- -D warnings
run "clippy: browser" cargo clippy --locked "${WASM[@]}" --package understudy-frontend -- -D warnings
run "clippy: plugins" cargo clippy --locked "${WASM[@]}" "${GUESTS[@]}" -- -D warnings
RUSTDOCFLAGS="-D warnings" run "documentation" cargo doc --locked --no-deps "${NATIVE[@]}"
