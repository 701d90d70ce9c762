#!/usr/bin/env bash
# Cargo's RUSTC_WRAPPER: what libFuzzer watches is our own code and the parsers that strangers' bytes reach first. The flags are
# those that cargo-fuzz 0.13 gives to the compiler; all of them are stable, so the pinned toolchain will do. Without a sanitizer:
# our crates forbid `unsafe`.
rustc=$1
shift
name=
previous=
is_for_target=
for argument in "$@"; do
    [ "$previous" = --crate-name ] && name=$argument
    # What runs inside of the compiler, such as macros, is built without it, and has no libFuzzer to report to.
    [ "$argument" = --target ] && is_for_target=yes
    previous=$argument
done
case ${is_for_target:+$name} in
understudy_* | serde_json | rmp | rmp_serde | json_patch | apollo_parser | flate2 | miniz_oxide | brotli_decompressor | ruzstd | \
    admin | codings | decode | filter | framing | import | merge | paths | plugin | redact | schema | twin)
    set -- "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-sanitizer-coverage-stack-depth
    ;;
esac
exec "$rustc" "$@"
