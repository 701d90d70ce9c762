# shellcheck shell=bash
# Sourced by the other scripts: where things lie, which versions are wanted, and which of several tools wins.
# Nothing is installed here; `setup.sh` does that.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/understudy
TOOLS=$CACHE/tools
LOGS=$CACHE/logs
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
export CARGO_TARGET_DIR=$TARGET

CARGO_LEPTOS_VERSION=0.3.10
BINARYEN_VERSION=132.0.0
# wasm-bindgen's command line and library must be of exactly the same version.
WASM_BINDGEN_VERSION=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print; exit }' "$ROOT/Cargo.lock")
RUST_VERSION=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' "$ROOT/rust-toolchain.toml")

# Our own tools come first, in a folder of their own: a person's other version of cargo-leptos stays as it is.
[ -x "$HOME/.cargo/bin/cargo" ] && ! command -v cargo >/dev/null && PATH=$HOME/.cargo/bin:$PATH
export PATH=$TOOLS/bin:$TOOLS/npm/node_modules/.bin:$PATH

# at_least WANTED FOUND: whether version FOUND is WANTED or newer.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# rustup run TOOLCHAIN rustc, but only the number.
rustc_version() { rustup run "$1" rustc --version 2>/dev/null | cut -d' ' -f2; }

# A machine that cannot fetch the pinned toolchain may have the same version, or a newer one, as its default.
choose_toolchain() {
    [ -z "${RUSTUP_TOOLCHAIN:-}" ] && command -v rustup >/dev/null || return 0
    rustup toolchain list 2>/dev/null | grep -q "^$RUST_VERSION\b" && return 0
    local default
    default=$(rustup default 2>/dev/null | cut -d' ' -f1)
    if [ -n "$default" ] && at_least "$RUST_VERSION" "$(rustc_version "$default")"; then
        export RUSTUP_TOOLCHAIN=$default
        STAND_IN_TOOLCHAIN=$default
    fi
}
choose_toolchain

find_chromium() {
    local name
    for name in "${CHROMIUM_PATH:-}" chromium chromium-browser google-chrome-stable google-chrome; do
        [ -n "$name" ] && command -v "$name" && return 0
    done
    return 1
}
