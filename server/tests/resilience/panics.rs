//! A panic or a deadlock in a part beside the traffic: requests pass, the part begins anew or is told of.

use std::time::Duration;

use serde_json::Value;
use understudy_server::vitals::{Part, Sabotage};

use super::program::{api, took};
use crate::support::{Server, Upstream, until};

const TOLD_WITHIN: Duration = Duration::from_secs(2);

async fn part(server: &Server, name: &str) -> Value {
    let status = server.status().await;
    status["parts"].as_array().unwrap().iter().find(|part| part["name"] == name).unwrap().clone()
}

async fn served(upstream: &Upstream) -> Server {
    let server = Server::start(upstream.address).await;
    // The one that rehearses has work in this mode only.
    server.set_mode("shadow").await;
    ask(&server, 1..20).await;
    server.learned(19).await;
    server
}

async fn ask(server: &Server, ids: std::ops::Range<u64>) {
    for id in ids {
        let answer = server.get(&format!("/items/{id}")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>().await.unwrap()["id"], id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_panics_begins_anew() {
    let upstream = api().await;
    for (of, name) in [
        (Part::Intake, "intake"),
        (Part::Learner, "learner"),
        (Part::Store, "store"),
        (Part::Shadow, "shadow"),
        (Part::Dashboard, "dashboard"),
    ] {
        let server = served(&upstream).await;
        server.app.handles().store.vitals().sabotage(of, Sabotage::Panic);
        ask(&server, 100..150).await;
        took(&format!("{name} panicked: begun anew"), TOLD_WITHIN, || async {
            part(&server, name).await["restarts"].as_u64() >= Some(1)
        })
        .await;
        ask(&server, 200..220).await;
        // All that was offered is accounted for, and what comes is learned.
        until("nothing to be pending", || async {
            let learner = server.status().await["learner"].clone();
            let learned = learner["learned"].as_u64().unwrap();
            (learner["pending"] == 0 && learned >= 20).then_some(())
        })
        .await;
        let health = part(&server, name).await;
        assert_eq!(health["state"], "ok", "{health}");
        assert!(health["says"].as_str().unwrap().contains("panicked"), "{health}");
        let endpoints = server.get_json("/admin/endpoints").await;
        assert_eq!(endpoints[0]["template"], "/items/{id}", "{endpoints}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_hangs_is_told_of() {
    let upstream = api().await;
    for (of, name) in [
        (Part::Intake, "intake"),
        (Part::Learner, "learner"),
        (Part::Store, "store"),
        (Part::Shadow, "shadow"),
        (Part::Dashboard, "dashboard"),
    ] {
        let server = served(&upstream).await;
        let vitals = std::sync::Arc::clone(server.app.handles().store.vitals());
        vitals.sabotage(of, Sabotage::Hang);
        ask(&server, 100..150).await;
        took(&format!("{name} hangs: told"), TOLD_WITHIN, || async { part(&server, name).await["state"] == "stalled" })
            .await;
        ask(&server, 200..250).await;
        vitals.release();
        took(&format!("{name} released: well"), TOLD_WITHIN, || async { part(&server, name).await["state"] == "ok" })
            .await;
        server.learned(19 + 100).await;
        server.stop().await;
    }
}
