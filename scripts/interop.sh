#!/usr/bin/env bash
# Gives exports to the tools they are for (interop/check.py). INTEROP chooses some of them, for example INTEROP="wiremock msw";
# UNDERSTUDY_BIN is a program that was built already.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$(dirname "$0")/builds.sh"
cd "$ROOT"

if [ -z "${UNDERSTUDY_BIN:-}" ]; then
    # The program that tests use; a release build would take longer and export the same.
    test_native --no-run
    export UNDERSTUDY_BIN=$TARGET/debug/understudy
fi
# shellcheck disable=SC2086
exec python3 interop/check.py ${INTEROP:-}
