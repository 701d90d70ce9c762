//! The binary itself: what it says when it cannot start, and its small commands.

mod support;

use std::process::Output;

use support::{Server, Upstream};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

async fn understudy(env: &[(&str, &str)], arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_understudy"));
    command.args(arguments).current_dir(dir.path()).env_clear().envs(env.iter().copied()).kill_on_drop(true);
    tokio::time::timeout(support::DEADLINE, command.output()).await.expect("it must end by itself").unwrap()
}

#[tokio::test]
async fn every_mistake_is_told_at_once_with_exit_code_2() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let data_dir = file.join("data");
    let env = [
        ("TARGET_URL", "ftp://example.org"),
        ("LISTEN_ADDR", &address),
        ("DATA_DIR", data_dir.to_str().unwrap()),
        ("FAILOVER", "maybe"),
        ("LOG_FORMAT", "xml"),
    ];
    let output = understudy(&env, &[]).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    for expected in [
        "TARGET_URL is \"ftp://example.org\": expected an http or https URL such as http://localhost:8001".to_owned(),
        format!("LISTEN_ADDR is \"{address}\": expected a free port"),
        format!("DATA_DIR is \"{}\": expected a folder that can be written to", data_dir.display()),
        "FAILOVER is \"maybe\": expected on or off".to_owned(),
        "LOG_FORMAT is \"xml\": expected text or json".to_owned(),
    ] {
        assert!(text.lines().any(|line| line.starts_with(&expected)), "{expected:?} is missing in\n{text}");
    }
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[tokio::test]
async fn a_wrong_project_file_is_told_together_with_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.db"), "not a database").unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let output = understudy(
        &[("TARGET_URL", "nonsense"), ("LISTEN_ADDR", "127.0.0.1:0"), ("DATA_DIR", data_dir), ("DB_NAME", "x")],
        &["serve"],
    )
    .await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("TARGET_URL is \"nonsense\"") && text.contains("this one is not SQLite"), "{text}");
}

#[tokio::test]
async fn small_commands_ask_a_running_server() {
    let upstream = Upstream::start(|_| async { support::json(200, &serde_json::json!({})) }).await;
    let server = Server::start(upstream.address).await;
    let address = server.app.api().to_string();
    let run = async |arguments: &[&str]| {
        let output = understudy(&[("LISTEN_ADDR", &address)], arguments).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert_eq!(run(&["mode", "mock"]).await["mode"], "mock");
    assert_eq!(run(&["status"]).await["mode"], "mock");
    assert!(run(&["openapi"]).await["openapi"].as_str().unwrap().starts_with("3.1"));
    server.stop().await;
    let output = understudy(&[("LISTEN_ADDR", &address)], &["status"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is one running?"));
}

#[tokio::test]
async fn the_log_can_be_json() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_understudy"));
    command.args(["--listen-addr", "127.0.0.1:0", "--log-format", "json"]).current_dir(dir.path()).env_clear();
    let mut child = command.kill_on_drop(true).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = tokio::time::timeout(support::DEADLINE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(event["message"].is_string() && event["level"] == "INFO" && event["timestamp"].is_string(), "{event}");
}
