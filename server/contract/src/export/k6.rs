//! A script of k6: the newest good request of each endpoint, again and again.

use serde_json::{Value, json};

use super::play::{Play, plays};
use super::{Source, comment, literal};

const BODY: &str = r#"
export const options = {
  vus: Number(__ENV.VUS || 1),
  iterations: Number(__ENV.ITERATIONS || 1),
  thresholds: { checks: ["rate>0.99"] },
};

export default function () {
  for (const one of requests) {
    if (one.writes && __ENV.WRITES !== "yes") continue;
    /** @type {Record<string, string>} */
    const headers = {};
    if (one.type) headers["content-type"] = one.type;
    if (one.authorized && __ENV.AUTHORIZATION) headers.authorization = __ENV.AUTHORIZATION;
    const response = http.request(one.method, base + one.target, one.body, {
      headers,
      redirects: 0,
      tags: { name: one.name },
    });
    check(response, { [`${one.name} is ${one.status}`]: (answer) => answer.status === one.status });
  }
}
"#;

pub(super) fn script(source: &Source<'_>) -> String {
    let mut out = format!(
        "// {}: recorded requests for k6 (k6.io), written by Understudy.\n\
         // k6 run -e BASE_URL=… -e AUTHORIZATION=\"Bearer …\" -e VUS=10 -e ITERATIONS=1000 this.js\n\
         // Requests that write are left out without -e WRITES=yes.\n\
         import http from \"k6/http\";\nimport {{ check }} from \"k6\";\n\n\
         const base = __ENV.BASE_URL || {};\n\nconst requests = [\n",
        comment(source.title),
        literal(source.base_url)
    );
    for request in plays(source).iter().filter_map(request) {
        out.push_str(&format!("  {request},\n"));
    }
    out.push_str("];\n");
    out.push_str(BODY);
    out
}

fn request(play: &Play<'_>) -> Option<Value> {
    let best = play.best()?;
    let request = &best.request;
    let body = std::str::from_utf8(&request.body.bytes).ok()?;
    Some(json!({
        "name": play.name(),
        "method": request.method,
        "target": request.target,
        "writes": !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS"),
        "authorized": request.headers.get("authorization").is_some(),
        "type": request.headers.get("content-type"),
        "body": (!body.is_empty()).then_some(body),
        "status": best.response.status,
    }))
}
