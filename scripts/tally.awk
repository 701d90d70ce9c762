# Sums the closing lines of cargo test and Playwright into the one plain line that closes a run.
# `broken` counts the stages that failed without a failed test, such as a build with an error.

{ gsub(/\033\[[0-9;]*m/, "") }

/^test result: / {
    for (i = 1; i < NF; i++) {
        if ($(i + 1) == "passed;") passed += $i
        if ($(i + 1) == "failed;") failed += $i
        if ($(i + 1) == "ignored;") skipped += $i
    }
}

# Playwright: "  12 passed (8.1s)". A flaky test is one that failed.
/^  [0-9]+ (passed|failed|flaky|skipped|interrupted|did not run)/ {
    if ($2 == "passed") passed += $1
    else if ($2 == "skipped" || $2 == "did") skipped += $1
    else failed += $1
}

END {
    failed += broken
    printf "%d passed, %d failed", passed, failed
    if (skipped) printf ", %d skipped", skipped
    print ""
    exit failed > 0 || passed == 0
}
