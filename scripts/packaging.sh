#!/usr/bin/env bash
# Judges what is under packaging with the tools at hand; a tool that is missing is named and left out.
set -uo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT" || exit 1

passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# judge TITLE PROGRAM ARGUMENT…
judge() {
    local title=$1
    shift
    if ! command -v "$1" >/dev/null; then
        skipped=$((skipped + 1))
        echo "packaging: $title: skipped, no ${1##*/}"
    elif "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "packaging: $title: fine${measured:+, $(grep -o "$measured" "$log" | tail -n 1)}"
    else
        failed=$((failed + 1))
        echo "packaging: $title: FAILED"
        sed 's/^/  | /' "$log"
    fi
}

venv=$TOOLS/packaging/venv/bin
# The program of the unit does not lie where it will.
verify_unit() {
    local folder unit
    folder=$(mktemp -d)
    unit=$folder/understudy.service
    sed "s|^ExecStart=[^ ]*|ExecStart=/bin/true|" packaging/understudy.service >"$unit"
    "$1" verify --man=no "$unit"
    local status=$?
    [ $status = 0 ] && "$1" security --offline=yes --threshold=20 "$unit" || status=1
    rm -r "$folder"
    return $status
}

measured='' judge "Dockerfile (hadolint)" "$venv/hadolint" packaging/Dockerfile
measured='' judge "compose example (its schema)" "$venv/check-jsonschema" --builtin-schema vendor.compose-spec packaging/compose/compose.yaml
measured='' judge "GitHub Actions example (its schema)" "$venv/check-jsonschema" --builtin-schema vendor.github-workflows packaging/github-actions.yml
measured='' judge "Grafana dashboard (JSON)" python3 -m json.tool packaging/grafana-dashboard.json /dev/null
if command -v systemd-analyze >/dev/null; then
    measured='Overall exposure level.*' judge "systemd unit" verify_unit systemd-analyze
else
    skipped=$((skipped + 1))
    echo "packaging: systemd unit: skipped, no systemd-analyze"
fi
for script in scripts/*.sh; do
    bash -n "$script" || { failed=$((failed + 1)); echo "packaging: $script: FAILED"; }
done

echo "packaging: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
