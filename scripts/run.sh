#!/usr/bin/env bash
# Builds with cargo-leptos and serves. `cargo leptos serve --release` does the same, but it tells nobody the server's exit
# code, and it builds the page anew at each start.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"

stamp=$TARGET/release/understudy.built
sources=(Cargo.toml Cargo.lock Leptos.toml .cargo app server plugins/host plugins/wit style)

up_to_date() {
    [ -x "$TARGET/release/understudy" ] && [ -f "$stamp" ] && [ -f target/site/admin/pkg/understudy.wasm ] &&
        [ "$(cat "$stamp")" = "$(cksum target/site/admin/pkg/understudy.wasm)" ] &&
        [ -z "$(find "${sources[@]}" -newer "$stamp" -print -quit)" ]
}

if ! up_to_date; then
    echo "run: building, about 15 minutes on two cores the first time"
    begun=$(mktemp)
    trap 'rm -f "$begun"' EXIT
    cargo leptos build --release --precompress
    # The page's checksum tells a release page from the one that tests leave in the same place.
    cksum target/site/admin/pkg/understudy.wasm >"$stamp"
    touch -r "$begun" "$stamp"
fi

exec "$TARGET/release/understudy" serve
