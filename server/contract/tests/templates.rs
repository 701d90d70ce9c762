//! From traffic to templates: small stories, each with the endpoints that should come out.

mod support;

use support::{exchange, learn};
use understudy_contract::{Model, Segment, openapi};

fn templates(story: &str) -> Vec<String> {
    let contract = learn(story).contract();
    contract.endpoints().iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.template)).collect()
}

#[track_caller]
fn check(story: &str, expected: &[&str]) {
    assert_eq!(templates(story), expected);
}

#[test]
fn identifiers_are_parameters_at_first_sight() {
    check("GET /users/7 200 {}", &["GET /users/{id}"]);
    check("GET /users/7/posts/9 200 {}", &["GET /users/{userId}/posts/{id}"]);
    check("GET /v2/files/6ba7b810-9dad-11d1-80b4-00c04fd430c8 200 {}", &["GET /v2/files/{id}"]);
    check("GET /orders/42.json 200 {}", &["GET /orders/{id}.json"]);
}

#[test]
fn a_word_beside_identifiers_stays() {
    let user = r#"{"id":7,"email":"a@b.co","created":"x","age":3}"#;
    check(
        &format!("GET /users/me 200 {user}\nGET /users/7 200 {user}\nGET /users/8 200 {user}"),
        &["GET /users/me", "GET /users/{id}"],
    );
}

#[test]
fn a_slug_that_was_shown_is_a_parameter_at_first_sight() {
    check(
        r#"GET /articles 200 [{"slug":"amber-river","title":"A"}]
           GET /articles/amber-river 200 {"slug":"amber-river","title":"A"}"#,
        &["GET /articles", "GET /articles/{id}"],
    );
}

#[test]
fn names_that_were_never_shown_are_parameters_after_a_few() {
    let mut story = String::new();
    for name in ["ada", "leo-park", "mila", "kai", "vera2"] {
        story.push_str(&format!(
            "GET /people/{name} 200 {{\"age\":1,\"city\":\"x\",\"zip\":\"y\",\"about\":\"z\",\"phone\":\"1\"}}\n"
        ));
    }
    check(&story, &["GET /people/{id}"]);
}

#[test]
fn resources_are_no_values() {
    check(
        r#"GET /users 200 [{"id":1,"email":"a@b.co"}]
           GET /orders 200 [{"id":1,"total":3.5,"lines":[]}]
           GET /products 200 [{"id":1,"sku":"X","price":1.5}]"#,
        &["GET /orders", "GET /products", "GET /users"],
    );
}

#[test]
fn utilities_at_the_root_that_answer_alike_stay_apart() {
    let body = |own: &str| {
        format!(r#"{{{own}"headers":{{"Accept":"a","Host":"h","User-Agent":"u","X-A":"b"}},"origin":"o"}}"#)
    };
    let story = [
        ("gzip", r#""gzipped":true,"#),
        ("deflate", r#""deflated":true,"#),
        ("brotli", r#""brotli":true,"#),
        ("headers", ""),
    ];
    let story = story.map(|(path, own)| format!("GET /{path} 200 {}", body(own))).join("\n");
    check(&story, &["GET /brotli", "GET /deflate", "GET /gzip", "GET /headers"]);
}

#[test]
fn versions_stay() {
    let body = r#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#;
    check(
        &format!("GET /v1/status 200 {body}\nGET /v2/status 200 {body}\nGET /v3/status 200 {body}"),
        &["GET /v1/status", "GET /v2/status", "GET /v3/status"],
    );
}

#[test]
fn an_owner_and_a_repository() {
    let mut story = String::new();
    for (owner, repo) in [("ada", "stone"), ("ada", "wave"), ("leo", "stone"), ("mila", "kettle")] {
        let body = format!(r#"{{"name":"{repo}","owner":{{"login":"{owner}"}},"stars":1}}"#);
        story.push_str(&format!("GET /repos/{owner}/{repo} 200 {body}\nGET /repos/{owner}/{repo}/issues 200 []\n"));
    }
    let found = templates(&story);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].matches('{').count() == 2 && found[1].ends_with("}/issues"), "{found:?}");
}

#[test]
fn scanners_make_no_endpoints() {
    check("GET /.env 404 {}\nGET /wp-login.php 404\nGET /users/1 200 {}\nGET /users/2 404 {}", &["GET /users/{id}"]);
    let contract = learn("GET /users/1 200 {}\nGET /users/2 404 {}").contract();
    assert_eq!(contract.endpoints()[0].statuses().collect::<Vec<_>>(), [(200, 1), (404, 1)]);
}

#[test]
fn a_rule_wins() {
    let mut model = Model::default();
    let rule = ["{tenant}".to_owned(), "things".to_owned()];
    model.learn_as(&exchange(0, "GET /acme/things 200 {}"), Some(&rule));
    let contract = model.contract();
    assert_eq!(contract.endpoints()[0].template, "/{tenant}/things");
    let hit = contract.find("GET", "/other/things").expect("the rule made a parameter");
    assert_eq!(hit.parameters[0], ("tenant", "other".into()));
}

#[test]
fn requests_find_the_most_literal_endpoint() {
    let contract = learn("GET /a/1/c 200 {}\nGET /a/b/d 200 {}\nGET /files/9.json 200 {}").contract();
    let template = |path: &str| contract.find("GET", path).map(|hit| hit.endpoint.template.clone());
    assert_eq!(template("/a/b/d").as_deref(), Some("/a/b/d"));
    assert_eq!(template("/a/b/c").as_deref(), Some("/a/{aId}/c"), "a literal that leads nowhere is left again");
    assert_eq!(template("/files/12.json").as_deref(), Some("/files/{id}.json"));
    assert_eq!(template("/files/12"), None);
    let hit = contract.find("GET", "/a/x%20y/c").expect("a parameter takes any text");
    assert_eq!(hit.parameters, [("aId", "x y".into())]);
    assert!(contract.find("POST", "/a/b/d").is_none());
}

#[test]
fn endpoints_keep_their_ids() {
    let few = learn("GET /users/1 200 {}").contract();
    let more = learn("GET /users/1 200 {}\nGET /users/2 200 {}\nPOST /users 201 {}").contract();
    let id = &few.endpoints()[0].id.0;
    assert_eq!(more.endpoint(id).expect("the same endpoint").template, "/users/{id}");
    assert!(matches!(&few.endpoints()[0].segments[1], Segment::Parameter { kind: "integer", .. }));
}

#[test]
fn schemas_are_learned() {
    let mut story = String::new();
    for n in 0..24 {
        let state = ["open", "closed", "draft"][n % 3];
        let note = if n % 2 == 0 { r#","note":null"#.to_owned() } else { format!(r#","note":"call {n} back""#) };
        let rare = if n == 5 { r#","rare":1"# } else { "" };
        let map = format!(r#"{{"{n}00001":1,"{n}00002":2}}"#);
        story.push_str(&format!(
            "GET /tasks/{n}?page={n} 200 {{\"at\":\"2024-01-{:02}T00:00:00Z\",\"state\":\"{state}\",\"score\":{n}.5,\"votes\":{map}{note}{rare}}}\n",
            n + 1
        ));
    }
    let contract = learn(&story).contract();
    let endpoint = &contract.endpoints()[0];
    let body = endpoint.responses().next().expect("a response").bodies[0];
    assert_eq!(
        body.schema(),
        serde_json::json!({
            "type": "object",
            "properties": {
                "at": { "type": "string", "format": "date-time" },
                "note": { "type": ["string", "null"] },
                "rare": { "type": "integer" },
                "score": { "type": "number" },
                "state": { "type": "string", "enum": ["closed", "draft", "open"] },
                "votes": { "type": "object", "additionalProperties": { "type": "integer" } }
            },
            "required": ["at", "note", "score", "state", "votes"]
        })
    );
    let fields = body.fields();
    let field = |pointer: &str| fields.iter().find(|field| field.pointer == pointer).expect(pointer);
    assert!(
        (field("/note").null_share - 0.5).abs() < 1e-9 && !field("/rare").required && field("/votes/*").count == 48
    );
    let page = &endpoint.parameters()[1];
    assert_eq!((page.name.as_str(), page.location, page.required), ("page", "query", true));
}

#[test]
fn the_document_is_the_same_every_time() {
    let story = "GET /b/1 200 {\"x\":1}\nPOST /a 201 {}\nGET /c/ 200 []";
    let options = openapi::Options { title: "t".into(), servers: vec!["http://localhost".into()], evidence: true };
    let document = || openapi::document(&learn(story).contract(), &options);
    assert_eq!(document().to_string(), document().to_string());
    let paths: Vec<String> = document()["paths"].as_object().expect("paths").keys().cloned().collect();
    assert_eq!(paths, ["/a", "/b/{id}", "/c/"]);
}
