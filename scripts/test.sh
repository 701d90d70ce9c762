#!/usr/bin/env bash
# Runs tests and closes with one line over all runners: "N passed, N failed".
#   test.sh all     the plugins, every Rust test, the browser's half and its size, end to end in Chromium
#   test.sh fast    the Rust tests that start no server
#   test.sh e2e     end to end only
# It goes on after a failed stage, so that one run shows everything that is wrong.
set -uo pipefail
. "$(dirname "$0")/env.sh"
. "$(dirname "$0")/builds.sh"
cd "$ROOT" || exit 1

# A person's settings for the server must not reach the servers that tests start.
unset TARGET_URL DB_NAME DATA_DIR LISTEN_ADDR ADMIN_ADDR ADMIN_TOKEN ADMIN_HOSTS PLUGIN_DIR FAILOVER LOG

# A log of its own: two checkouts may test at once.
log=$LOGS/test.$$.log
trap 'rm -f "$log"' EXIT
mkdir -p "$LOGS" && : >"$log"
broken=0

failures_so_far() { awk -f scripts/tally.awk "$log" | sed 's/.*, \([0-9]*\) failed.*/\1/'; }

# cargo-leptos colours its lines whatever it is told.
plain() { if [ -n "${NO_COLOR:-}" ]; then sed -u 's/\x1b\[[0-9;]*m//g'; else cat; fi; }

stage() {
    local title=$1 before started=$SECONDS
    shift
    before=$(failures_so_far)
    printf '\n==> %s\n' "$title"
    if "$@" 2>&1 </dev/null | plain | tee -a "$log"; then
        printf '==> %s: done in %d s\n' "$title" $((SECONDS - started))
        return
    fi
    printf '==> %s: FAILED after %d s\n' "$title" $((SECONDS - started))
    [ "$(failures_so_far)" -gt "$before" ] || broken=$((broken + 1))
    return 1
}

# The program and the page have to be there; without them the browser's tests would only repeat the build's errors.
end_to_end() {
    stage "build the server" test_native --no-run || return
    stage "build the browser's half" build_front || return
    stage "end to end in Chromium" run_browser
}

case "${1:-all}" in
all)
    stage "build the plugins" build_plugins
    stage "Rust tests" test_native
    stage "the size of the page" scripts/size.sh
    end_to_end
    ;;
fast) stage "Rust tests without sockets" test_native --lib ;;
e2e) end_to_end ;;
*)
    echo "usage: test.sh all|fast|e2e" >&2
    exit 2
    ;;
esac

echo
awk -v broken="$broken" -f scripts/tally.awk "$log"
