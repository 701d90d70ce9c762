//! Stands in for the parts of a GraphQL API that need no data, and marks what a GraphQL error is.
//!
//! `{ __typename }`, which clients and load balancers use to see whether the API is there, is answered at once; introspection is
//! refused as production servers do (`introspection = "pass"` lets it through); and an answer of 200 that is nothing but
//! `errors` gets the header `x-graphql-errors` with their number, so that it can be seen in a list. `path` says where the API is
//! (default `/graphql`).

use understudy_plugin_sdk::{Interest, Request, Responder, Response, config, export_responder};

struct GraphqlStandIn;

impl Responder for GraphqlStandIn {
    fn concerns(method: String, path: String) -> Interest {
        let own = config("path").unwrap_or_else(|| "/graphql".to_owned());
        if method == "POST" && path == own { Interest::REQUEST | Interest::RESPONSE } else { Interest::empty() }
    }

    fn on_request(request: Request) -> Option<Response> {
        let query = member(std::str::from_utf8(&request.body).ok()?, "query")?;
        let words: Vec<&str> =
            query.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
        match words[..] {
            ["__typename"] | ["query", "__typename"] => Some(answer(200, r#"{"data":{"__typename":"Query"}}"#)),
            _ if words.contains(&"__schema") && config("introspection").as_deref() != Some("pass") => Some(answer(
                400,
                r#"{"errors":[{"message":"GraphQL introspection is not allowed","extensions":{"code":"INTROSPECTION_DISABLED"}}]}"#,
            )),
            _ => None,
        }
    }

    fn on_response(_request: Request, mut response: Response) -> Option<Response> {
        let body = std::str::from_utf8(&response.body).ok()?;
        let errors = body.matches("\"message\"").count();
        let failed = response.status == 200 && body.trim_start().starts_with("{\"errors\"") && errors > 0;
        failed.then(|| {
            response.headers.push(("x-graphql-errors".to_owned(), errors.to_string()));
            response
        })
    }
}

export_responder!(GraphqlStandIn);

fn answer(status: u16, body: &str) -> Response {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Response { status, headers, body: body.as_bytes().to_vec() }
}

/// The text of a member of a JSON object; enough for queries, whose escapes are spaces and quotes.
fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let rest =
        json.split_once(&format!("\"{name}\""))?.1.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let end = rest.char_indices().find(|&(i, c)| c == '"' && !rest[..i].ends_with('\\'))?.0;
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &str) -> Option<u16> {
        let request = Request {
            method: "POST".to_owned(),
            target: "/graphql".to_owned(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        GraphqlStandIn::on_request(request).map(|response| response.status)
    }

    #[test]
    fn what_needs_no_data_is_answered() {
        assert_eq!(ask(r#"{"query":"{ __typename }"}"#), Some(200));
        assert_eq!(ask(r#"{"query": "query { __typename }", "variables": {}}"#), Some(200));
        assert_eq!(ask(r#"{"query":"query I { __schema { types { name } } }"}"#), Some(400));
        for body in [r#"{"query":"{ users { __typename id } }"}"#, "", "[]", r#"{"query":7}"#] {
            assert_eq!(ask(body), None, "{body}");
        }
    }
}
