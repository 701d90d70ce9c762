//! A clock that steps back and forth: nothing panics, no time is negative.
//!
//! The program asks its C library for the time; a few lines of C in front of it add what a file says.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::program::{Load, Program, api, is_full, log};

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *offset;

__attribute__((constructor)) static void map(void) {
    const char *name = getenv("CLOCK_OFFSET");
    int file = name ? open(name, O_RDONLY) : -1;
    if (file >= 0) offset = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
}

int clock_gettime(clockid_t id, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, id, time);
    if (offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) time->tv_sec += *offset;
    return result;
}

int gettimeofday(struct timeval *time, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    (void)zone;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"#;

/// Seconds, one after the other: an hour, a day, a year, to 1970 and to where 32 bits end.
const STEPS: [i64; 12] =
    [3600, -3600, 86_400, -86_400, 0, 31_536_000, -31_536_000, -1_700_000_000, 500_000_000, -1, 1, 0];

fn set(file: &Path, seconds: i64) {
    use std::io::Write;
    // Not made anew: somebody looks at it.
    let mut file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(file).unwrap();
    file.write_all(&seconds.to_ne_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_harms_nothing() {
    let (upstream, dir) = (api().await, tempfile::tempdir().unwrap());
    let (source, library, offset) =
        (dir.path().join("clock.c"), dir.path().join("clock.so"), dir.path().join("offset"));
    std::fs::write(&source, SHIM).unwrap();
    set(&offset, 0);
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).status();
    assert!(built.is_ok_and(|status| status.success()), "cc, which builds this program's parts, too");
    let env = [("LD_PRELOAD", library.to_str().unwrap()), ("CLOCK_OFFSET", offset.to_str().unwrap())];
    let program = Program::start(dir.path(), upstream.address, ":", &env).await;
    program.put("/admin/mode", &serde_json::json!({ "mode": "shadow" })).await;
    program.put("/admin/chaos", &serde_json::json!({ "on": true, "for_seconds": 3600, "rules": [] })).await;
    let load = Load::start(&program, 4, Duration::from_millis(4));
    let real = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    for _ in 0..if is_full() { 20 } else { 1 } {
        for seconds in STEPS {
            set(&offset, seconds);
            tokio::time::sleep(Duration::from_millis(250)).await;
            let status = program.json("/admin/status").await;
            assert!(status["uptime_seconds"].as_u64().unwrap() < 600, "{seconds}: {}", status["uptime_seconds"]);
            let rows = program.json("/admin/traffic?limit=50").await;
            for row in rows["items"].as_array().unwrap() {
                assert!(row["duration_us"].as_u64().unwrap() < 60_000_000, "{seconds}: {row}");
            }
            if seconds == 86_400 {
                let newest = rows["items"][0]["at_ms"].as_u64().unwrap();
                assert!(newest > real + 80_000_000, "the clock of the program was set: {newest}");
            }
        }
    }
    let parts = program.json("/admin/status").await["parts"].clone();
    assert!(parts.as_array().unwrap().iter().all(|part| part["restarts"] == 0), "{parts}");
    let (answered, failed) = load.end().await;
    println!("clock: {answered} answered, {failed} failed");
    assert!(failed == 0 && answered > 100, "{failed} of {answered}");
    assert!(!log(dir.path()).contains("panicked"), "{}", log(dir.path()));
    program.end().await;
}
