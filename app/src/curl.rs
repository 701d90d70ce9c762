//! A recorded request as a command line.

use understudy_types::MessageDetail;

/// They belong to one connection, or curl makes them itself.
const LEFT_OUT: [&str; 8] =
    ["host", "content-length", "connection", "transfer-encoding", "accept-encoding", "te", "upgrade", "user-agent"];

/// For a POSIX shell.
#[must_use]
pub fn command(base: &str, method: &str, target: &str, request: Option<&MessageDetail>) -> String {
    let mut words = vec!["curl -i".to_owned()];
    if method != "GET" {
        words.push(format!("-X {}", quoted(method)));
    }
    words.push(quoted(&format!("{}{target}", base.trim_end_matches('/'))));
    if let Some(request) = request {
        let sent = request.headers.iter().filter(|(name, _)| is_sent(name));
        words.extend(sent.map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))));
        let body = request.text.as_ref().filter(|text| !text.is_empty());
        words.extend(body.map(|text| format!("--data-raw {}", quoted(text))));
    }
    words.join(" ")
}

/// Whether a field of a recorded request is sent when it is sent again.
#[must_use]
pub fn is_sent(name: &str) -> bool {
    !LEFT_OUT.contains(&name)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_is_read_by_the_shell() {
        let headers = vec![("host".into(), "x".into()), ("x-note".into(), "it's $HOME".into())];
        let request = MessageDetail { headers, bytes: 5, truncated: false, text: Some("{\"a\":'`'}".into()) };
        assert_eq!(
            command("http://localhost:8000/", "POST", "/a?b='c'", Some(&request)),
            r#"curl -i -X 'POST' 'http://localhost:8000/a?b='\''c'\''' -H 'x-note: it'\''s $HOME' --data-raw '{"a":'\''`'\''}'"#
        );
        assert_eq!(command("http://localhost:8000", "GET", "/", None), "curl -i 'http://localhost:8000/'");
    }
}
