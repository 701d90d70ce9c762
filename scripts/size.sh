#!/usr/bin/env bash
# Builds the page as it is released and adds up what a browser loads of it, compressed as it is sent: code, glue and
# style. Fails above the budget.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"

budget=350000
site=$TARGET/size-site
rm -rf "$site"
LEPTOS_SITE_ROOT=$site cargo leptos build --frontend-only --release --precompress
total=0
for file in "$site"/admin/pkg/understudy.{wasm,js,css}.br; do
    bytes=$(stat --format %s "$file")
    printf '%9d bytes  %s\n' "$bytes" "${file##*/}"
    total=$((total + bytes))
done
printf '%9d bytes  in all, of %d\n' "$total" "$budget"
[ "$total" -le "$budget" ]
