# shellcheck shell=bash
# Sourced after env.sh: what is built, and how. Every script builds the same few sets, so that nothing is compiled twice.
#
# Tests and the end-to-end run share one build of the server in the dev profile: the one `cargo test` makes anyway. Only
# the browser's half is built by cargo-leptos. A release build would cost a cold machine a quarter of an hour more and
# would test the same code.

guests() {
    local manifest
    for manifest in plugins/examples/*/Cargo.toml; do
        sed -n 's/^name *= *"\(.*\)"/\1/p' "$manifest" | head -n 1
    done
}

# cargo merges features over the packages of one build, and the browser's half asks for what the server must not have.
NATIVE=(--workspace --exclude understudy-frontend)
GUESTS=()
while read -r guest; do GUESTS+=(--package "$guest"); done < <(cd "$ROOT" && guests)
WASM=(--target wasm32-unknown-unknown)
TEST_SITE=$TARGET/test-site

# The folder and the profile in which the plugin host's tests look for guests.
build_plugins() { cargo build --locked --profile plugin --target-dir target/plugins "${WASM[@]}" "${GUESTS[@]}"; }
# In a folder of its own: a server that `make run` started goes on showing its own page.
build_front() { LEPTOS_SITE_ROOT=$TEST_SITE cargo leptos build --frontend-only; }
test_native() { cargo test --locked --no-fail-fast "${NATIVE[@]}" "$@"; }

# Playwright starts this program itself.
run_browser() {
    local chromium
    chromium=$(find_chromium) || return
    (
        cd "$ROOT/end2end" &&
            UNDERSTUDY_BIN=$TARGET/debug/understudy LEPTOS_SITE_ROOT=$TEST_SITE CHROMIUM_PATH=$chromium \
                npx --no-install playwright test "$@"
    )
}
