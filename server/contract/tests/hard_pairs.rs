//! `hard_pairs.txt`: many small cases of which segments are parameters.

mod support;

use support::exchange;
use understudy_contract::{Body, Model};

const USER: &str = r#"{"email":"a@b.co","age":3,"city":"x","zip":"y","about":"z"}"#;
const POST: &str = r#"{"text":"t","likes":3,"tags":[],"draft":true,"score":1.5}"#;

/// The method, target, status and body of one request of the table, and how often it is sent.
fn request(word: &str) -> (String, usize) {
    if let Some(path) = word.strip_prefix("location:") {
        return (format!("POST /shown 201 {path}"), 1);
    }
    if let Some((field, values)) = word.strip_prefix("shown:").and_then(|rest| rest.split_once('=')) {
        let rows: Vec<String> = values.split(',').map(|value| format!(r#"{{"{field}":"{value}"}}"#)).collect();
        return (format!("GET /shown 200 [{}]", rows.join(",")), 1);
    }
    if let Some(path) = word.strip_suffix('!') {
        return (format!("GET {path} 404 {{}}"), 1);
    }
    let (rest, times) = match word.rsplit_once('*') {
        Some((rest, times)) => (rest, times.parse().expect("a number behind the star")),
        None => (word, 1),
    };
    let shapes =
        [("=u", USER.to_owned()), ("=p", POST.to_owned()), ("=l", format!("[{POST}]")), ("=e", "{}".to_owned())];
    let shape = shapes.iter().find_map(|(mark, body)| Some((rest.strip_suffix(mark)?, body.as_str())));
    let (path, body) = shape.unwrap_or((rest, "{}"));
    (format!("GET {path} 200 {body}"), times)
}

fn templates(requests: &str) -> Vec<String> {
    let mut model = Model::default();
    for (n, word) in requests.split(' ').enumerate() {
        let (line, times) = request(word);
        let mut one = exchange(n, &line);
        if let Some(path) = word.strip_prefix("location:") {
            one.response.headers.0.push(("location".into(), path.into()));
            one.response.body = Body::default();
        }
        (0..times).for_each(|_| model.learn(&one));
    }
    let contract = model.contract();
    let all = contract.endpoints().iter().map(|endpoint| endpoint.template.clone());
    all.filter(|template| template != "/shown").collect()
}

#[test]
fn hard_pairs() {
    let cases = include_str!("hard_pairs.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut count, mut wrong) = (0, Vec::new());
    for case in cases {
        let (requests, expected) = case.split_once(" =>").expect("requests => templates");
        count += 1;
        let found = templates(requests).join(" ");
        if found != expected.trim() {
            wrong.push(format!("{requests}\n  expected {}\n  found    {found}", expected.trim()));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 200, "{count} cases");
}

/// Names that no answer showed are one parameter after five; one that was shown is a value at once.
#[test]
fn how_many_samples_a_slug_needs() {
    let names = ["ada", "leo", "mila", "kai", "vera"];
    let slugs = ["amber-river", "quiet-stone", "late-whale", "old-gate", "warm-cup"];
    for values in [names, slugs] {
        let needed = (1..=5).find(|n| {
            let story: Vec<String> = values[..*n].iter().map(|value| format!("/people/{value}=u")).collect();
            templates(&story.join(" ")) == ["/people/{id}"]
        });
        assert!(needed.is_some(), "{values:?}");
        assert_eq!(templates(&format!("shown:slug={} /people/{}=u", values[0], values[0])), ["/people/{id}"]);
    }
}
