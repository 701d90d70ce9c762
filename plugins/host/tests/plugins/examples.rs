//! Each example as it is built, asked by the host.

use understudy_plugin_host::chaos_policy::{Fault, Request as ChaosRequest};
use understudy_plugin_host::drift_policy::{Finding, Severity, Verdict};
use understudy_plugin_host::generator::Field;
use understudy_plugin_host::redactor::{Message, Side, Text};
use understudy_plugin_host::responder::{Request, Response};
use understudy_plugin_host::{Hook, Interest};

use crate::support::{Folder, config, example, sdk_example};

/// A folder with one example and its configuration.
fn folder(name: &str, pairs: &[(&str, &str)]) -> Folder {
    let folder = Folder::with(&[(&format!("{name}.wasm"), &example(name))], &config(name, pairs));
    assert_eq!(folder.report().name, name);
    folder
}

fn field(name: &str, seed: u64) -> Field {
    Field {
        method: "GET".to_owned(),
        template: "/accounts/{id}".to_owned(),
        pointer: format!("/{name}"),
        name: name.to_owned(),
        schema: r#"{"type":"string"}"#.to_owned(),
        seed,
        siblings: vec![("country".to_owned(), r#""AT""#.to_owned())],
    }
}

#[test]
fn payment_data_makes_ibans_and_cards() {
    let folder = folder("payment-data", &[]);
    let set = folder.host.current();
    let made = |name, seed| set.generate(&field(name, seed)).map(|said| said.what.as_str().unwrap().to_owned());
    let iban = made("iban", 7).unwrap();
    assert!(iban.starts_with("AT") && iban.len() == 20, "{iban}");
    assert_eq!(made("iban", 7).unwrap(), iban);
    assert_ne!(made("iban", 8).unwrap(), iban);
    assert_eq!(made("card_number", 7).unwrap().len(), 16);
    assert_eq!(made("name", 7), None);
}

#[test]
fn friday_checkout_breaks_the_checkout_on_fridays_only() {
    const FRIDAY: u64 = 1_750_420_800_000;
    const DAY: u64 = 86_400_000;
    let folder = folder("friday-checkout", &[("share", "0.5")]);
    let set = folder.host.current();
    assert_eq!(set.interest("POST", "/shop/checkout"), Interest { chaos: true, ..Interest::default() });
    assert!(set.interest("GET", "/shop/items").is_none());
    let decide = |at_ms, random| {
        let (method, target) = ("POST".to_owned(), "/shop/checkout?x=1".to_owned());
        let request = ChaosRequest { method, target, template: None, at_ms, random };
        set.decide("/shop/checkout", &request).map(|said| said.what)
    };
    assert!(matches!(decide(FRIDAY, 0), Some(Fault::Abort(abort)) if abort.status == 503));
    assert_eq!(decide(FRIDAY, u64::MAX / 4 * 3), Some(Fault::Delay(2000)));
    for day in 1..7 {
        assert_eq!(decide(FRIDAY + day * DAY, 0), None, "{day} days later");
    }
    // Asked about twice, answered by the plugin once: two interests, eight decisions.
    assert_eq!(folder.report().calls, 10);
}

#[test]
fn national_id_finds_numbers_with_right_check_digits() {
    let folder = folder("national-id", &[]);
    let text = |value: &str| Text { place: "/id".to_owned(), name: "id".to_owned(), value: value.to_owned() };
    let texts = ["ann", "01010750160", "01010750161", "811228-9874"].map(text).to_vec();
    let (method, path) = ("GET".to_owned(), "/people/7".to_owned());
    let message = Message { method, path, side: Side::Response, texts };
    assert_eq!(folder.host.current().redact(&message).unwrap().into_iter().collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn quiet_meta_ignores_meta() {
    let folder = folder("quiet-meta", &[]);
    let judge = |pointer: &str| {
        let finding = Finding {
            method: "GET".to_owned(),
            template: "/users".to_owned(),
            direction: "response".to_owned(),
            area: "body".to_owned(),
            kind: "type_changed".to_owned(),
            action: "change".to_owned(),
            pointer: pointer.to_owned(),
            before: None,
            after: None,
            severity: Severity::Critical,
        };
        folder.host.current().judge(&finding).map(|said| said.what)
    };
    assert_eq!(judge("/meta/trace"), Some(Verdict::Ignore));
    assert_eq!(judge("/name"), None);
}

#[test]
fn graphql_stand_in_answers_what_needs_no_data() {
    let folder = folder("graphql-stand-in", &[]);
    let set = folder.host.current();
    assert_eq!(set.interest("POST", "/graphql"), Interest { request: true, response: true, chaos: false });
    assert!(set.interest("GET", "/graphql").is_none());
    let request = |body: &str| Request {
        method: "POST".to_owned(),
        target: "/graphql".to_owned(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    let answered = set.answer("/graphql", &request(r#"{"query":"{ __typename }"}"#)).unwrap();
    assert_eq!((answered.plugin.as_str(), answered.what.status), ("graphql-stand-in", 200));
    assert_eq!(set.answer("/graphql", &request(r#"{"query":"{ users { id } }"}"#)), None);
    let response = |body: &str| Response { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() };
    let errors = response(r#"{"errors":[{"message":"no"}]}"#);
    let amended = set.amend("/graphql", &request(""), &errors).unwrap();
    assert_eq!(amended.what.headers, [("x-graphql-errors".to_owned(), "1".to_owned())]);
    assert_eq!(set.amend("/graphql", &request(""), &response(r#"{"data":{}}"#)), None);
    assert!(set.has(Hook::Responder) && !set.has(Hook::ChaosPolicy));
}

#[test]
fn what_a_new_plugin_begins_as_has_its_hook() {
    for &hook in Hook::ALL {
        let folder = Folder::new(&[("new.wasm", &sdk_example(hook.as_str()))]);
        assert_eq!(folder.report().hooks, [hook]);
    }
}
