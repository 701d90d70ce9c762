//! The redactor: no secret stays where one belongs, JSON stays JSON with the same names, and a token is left alone when it comes by again.

#[path = "../../server/src"]
mod server {
    #[allow(dead_code, unreachable_pub, unused_imports, reason = "a target uses a part of it")]
    pub(super) mod redact;
}

use serde_json::Value;
use understudy_contract::Exchange;

use self::server::redact::Redactor;
use crate::recording::exchanges;

/// Long enough to be no accident; libFuzzer finds it in the program and tries it.
const CANARY: &str = "canary-4c1f9a7e2b";

pub fn run(data: &[u8]) {
    let redactor = Redactor::new([7; 32]);
    if let Ok(text) = std::str::from_utf8(data) {
        // Text around and between pieces of JSON is looked at as one or the other: only that it ends is held here.
        let _ = redactor.text(text.to_owned());
        let token = redactor.token(text);
        assert_eq!(redactor.token(&token), token, "a token of a token");
    }
    for mut exchange in exchanges(data) {
        if text(&exchange).contains(CANARY) {
            continue;
        }
        plant(&mut exchange);
        let before = exchange.clone();
        redactor.exchange(&mut exchange);
        check(&before, &exchange);
    }
}

fn plant(exchange: &mut Exchange) {
    let request = &mut exchange.request;
    request.headers.0.push(("authorization".into(), format!("Bearer {CANARY}")));
    request.headers.0.push(("cookie".into(), format!("sid={CANARY}")));
    exchange.response.headers.0.push(("set-cookie".into(), format!("sid={CANARY}; Path=/")));
    let mark = if request.target.contains('?') { '&' } else { '?' };
    request.target.push_str(&format!("{mark}access_token={CANARY}"));
    if exchange.response.status < 400
        && let Ok(Value::Object(mut members)) = serde_json::from_slice(&exchange.response.body.bytes)
    {
        members.insert("password".into(), CANARY.into());
        exchange.response.body.bytes = Value::Object(members).to_string().into();
    }
}

fn text(exchange: &Exchange) -> String {
    let bodies = [&exchange.request.body, &exchange.response.body].map(|body| String::from_utf8_lossy(&body.bytes));
    format!("{} {:?} {:?} {bodies:?}", exchange.request.target, exchange.request.headers, exchange.response.headers)
}

fn check(before: &Exchange, after: &Exchange) {
    assert!(!text(after).contains(CANARY), "a planted secret stayed: {}", text(after));
    for (before, after) in [(&before.request.body, &after.request.body), (&before.response.body, &after.response.body)]
    {
        if let Ok(was) = serde_json::from_slice::<Value>(&before.bytes)
            && !after.truncated
            && !after.bytes.is_empty()
        {
            let is = serde_json::from_slice::<Value>(&after.bytes).expect("JSON stays JSON");
            assert!(has_same_names(&was, &is), "{was} became {is}");
        }
    }
}

fn has_same_names(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, own)| b.get(name).is_some_and(|other| has_same_names(own, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| has_same_names(a, b)),
        // What stands under a secret's name may become another kind of value.
        (Value::Object(_) | Value::Array(_), Value::String(_)) => true,
        (a, b) => !(a.is_object() || a.is_array() || b.is_object() || b.is_array()),
    }
}
