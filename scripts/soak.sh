#!/usr/bin/env bash
# The long tests of resilience against the release build: what `make test` does in seconds, as often and for as long as
# docs/reliability.md says. Some of it takes root (a file system of its own) and says so where it cannot be had.
#   SOAK_MINUTES: how long the last part lasts (60)
set -uo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT" || exit 1

unset TARGET_URL DB_NAME DATA_DIR LISTEN_ADDR ADMIN_ADDR ADMIN_TOKEN ADMIN_HOSTS PLUGIN_DIR FAILOVER LOG
failed=0
cargo build --locked --release --package understudy-server || exit 1
SOAK=full cargo test --locked --release --package understudy-server --test resilience -- --nocapture --test-threads 1 || failed=1
UNDERSTUDY_BIN=$TARGET/release/understudy python3 bench/soak.py --minutes "${SOAK_MINUTES:-60}" --out "$LOGS/soak.json" || failed=1
exit $failed
