#!/usr/bin/env bash
# One archive with everything that runs: target/dist/understudy.tar.gz, and the same under a name with version and platform. The
# same sources give the same bytes for the same program: names are sorted, owners and times are fixed.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$(dirname "$0")/builds.sh"
cd "$ROOT"

version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version *= *"\(.*\)"/\1/p' Cargo.toml)
platform=$(rustc -vV | sed -n 's/^host: //p')
name=understudy-$version-$platform
out=target/dist
folder=$out/$name

if [ -z "${DIST_SKIP_BUILD:-}" ]; then
    cargo leptos build --release --precompress
    build_plugins
fi
program=${UNDERSTUDY_BIN:-$TARGET/release/understudy}
site=${DIST_SITE:-target/site}
[ -x "$program" ] && [ -f "$site/admin/pkg/understudy.js" ] ||
    { echo "dist: no program at $program, or no page at $site; leave DIST_SKIP_BUILD away" >&2; exit 1; }

rm -rf "$out"
mkdir -p "$folder/plugins" "$folder/share/completions" "$folder/share/man"
install -m 755 "$program" "$folder/understudy"
strip "$folder/understudy"
cp -r "$site" "$folder/site"
cp README.md CHANGELOG.md SECURITY.md LICENSE LICENSE-APACHE LICENSE-MIT "$folder/"
cp -r docs packaging "$folder/"
cp plugins/README.md "$folder/plugins/"
mkdir "$folder/plugins/examples"
find target/plugins/wasm32-unknown-unknown/plugin -maxdepth 1 -name '*.wasm' -exec cp {} "$folder/plugins/examples/" \; 2>/dev/null || true
scripts/sbom.py understudy-server "$platform" >"$folder/sbom.cdx.json"
# What the program says of itself. A version that cannot say it has none.
for shell in bash elvish fish powershell zsh; do
    "$folder/understudy" completions "$shell" >"$folder/share/completions/understudy.$shell" 2>/dev/null ||
        rm "$folder/share/completions/understudy.$shell"
done
"$folder/understudy" man >"$folder/share/man/understudy.1" 2>/dev/null || rm "$folder/share/man/understudy.1"
find "$folder/share" -type d -empty -delete

(cd "$folder" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS)
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" --directory "$out" "$name" |
    gzip --no-name --best >"$out/$name.tar.gz"
ln -f "$out/$name.tar.gz" "$out/understudy.tar.gz"
rm -r "$folder"
echo "dist: $out/$name.tar.gz, $(stat --format %s "$out/$name.tar.gz") bytes"
