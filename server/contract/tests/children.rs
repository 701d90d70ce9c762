//! Rows that belong to rows: counted and summed by their parents, gone with them or in their way.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, Twin, request};

/// A yard with hives: harvests name their hive, and the hive tells how many there are and what they weigh together.
#[derive(Default)]
struct Yard {
    recording: Recording,
    hives: Vec<Value>,
    harvests: Vec<Value>,
    /// A hive with harvests cannot be removed.
    strict: bool,
}

impl Yard {
    fn hive(&mut self) -> u64 {
        let id = self.hives.len() as u64 + 1;
        let hive = json!({"id": id, "label": format!("Hive {id}"), "harvests": 0, "grams": 0});
        self.hives.push(hive.clone());
        self.recording.note(request("POST", "/hives", Some(&json!({"label": hive["label"]}))), &(201, hive));
        id
    }

    fn harvest(&mut self, hive: u64, grams: u64) -> u64 {
        let id = self.harvests.len() as u64 + 500;
        let harvest = json!({"id": id, "hiveId": hive, "grams": grams});
        let sent = json!({"hiveId": hive, "grams": grams});
        self.harvests.push(harvest.clone());
        self.recording.note(request("POST", "/harvests", Some(&sent)), &(201, harvest));
        let own = &mut self.hives[hive as usize - 1];
        own["harvests"] = json!(own["harvests"].as_u64().unwrap_or(0) + 1);
        own["grams"] = json!(own["grams"].as_u64().unwrap_or(0) + grams);
        id
    }

    fn look(&mut self, hive: u64) {
        let own = self.hives[hive as usize - 1].clone();
        self.recording.note(request("GET", &format!("/hives/{hive}"), None), &(200, own));
    }

    fn remove(&mut self, hive: u64) {
        let target = format!("/hives/{hive}");
        let own: Vec<u64> = self
            .harvests
            .iter()
            .filter(|harvest| harvest["hiveId"] == hive)
            .filter_map(|harvest| harvest["id"].as_u64())
            .collect();
        if self.strict && !own.is_empty() {
            let refusal = json!({"error": "the hive still has harvests"});
            return self.recording.note(request("DELETE", &target, None), &(409, refusal));
        }
        self.recording.note(request("DELETE", &target, None), &(204, Value::Null));
        let missing = json!({"error": "no such harvest"});
        for id in own {
            self.recording.note(request("GET", &format!("/harvests/{id}"), None), &(404, missing.clone()));
        }
    }

    fn run(strict: bool) -> Twin {
        let mut yard = Self { strict, ..Self::default() };
        for round in 0..3 {
            let (hive, bare) = (yard.hive(), yard.hive());
            yard.look(hive);
            let first = yard.harvest(hive, 900 + round * 70);
            yard.look(hive);
            let harvest = yard.harvests.last().expect("one").clone();
            yard.recording.note(request("GET", &format!("/harvests/{first}"), None), &(200, harvest));
            yard.harvest(hive, 400 + round * 30);
            yard.look(hive);
            yard.look(bare);
            if round < 2 {
                yard.remove(hive);
            }
            yard.remove(bare);
        }
        yard.recording.twin()
    }
}

fn hive_with_harvest(twin: &mut Twin) -> (Value, Value) {
    let (_, hive) = twin.says(&request("POST", "/hives", Some(&json!({"label": "New"}))));
    let sent = json!({"hiveId": hive["id"], "grams": 1234});
    let (status, harvest) = twin.says(&request("POST", "/harvests", Some(&sent)));
    assert_eq!(status, 201);
    (hive["id"].clone(), harvest["id"].clone())
}

#[test]
fn a_parent_counts_and_sums_its_children() {
    let mut twin = Yard::run(false);
    let (hive, _) = hive_with_harvest(&mut twin);
    twin.says(&request("POST", "/harvests", Some(&json!({"hiveId": hive, "grams": 66}))));
    let (_, shown) = twin.says(&request("GET", &format!("/hives/{hive}"), None));
    assert_eq!((&shown["harvests"], &shown["grams"]), (&json!(2), &json!(1300)));
}

#[test]
fn children_go_with_their_parent_where_they_were_seen_to() {
    let mut twin = Yard::run(false);
    let (hive, harvest) = hive_with_harvest(&mut twin);
    assert_eq!(twin.says(&request("DELETE", &format!("/hives/{hive}"), None)).0, 204);
    let gone = twin.says(&request("GET", &format!("/harvests/{harvest}"), None));
    assert_eq!(gone, (404, json!({"error": "no such harvest"})));
}

#[test]
fn a_parent_stays_where_its_children_were_in_the_way() {
    let mut twin = Yard::run(true);
    let (hive, _) = hive_with_harvest(&mut twin);
    let refused = twin.says(&request("DELETE", &format!("/hives/{hive}"), None));
    assert_eq!(refused, (409, json!({"error": "the hive still has harvests"})));
    let (_, bare) = twin.says(&request("POST", "/hives", Some(&json!({"label": "Bare"}))));
    assert_eq!(twin.says(&request("DELETE", &format!("/hives/{}", bare["id"]), None)).0, 204);
}
