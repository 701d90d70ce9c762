//! Paths and values by pattern.

/// `*` stands for any number of characters.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    true
}

/// A path template (`/users/{id}`) or a glob (`/users/*`, `/files/**`) against a path without its query. `*` and `{…}` stand
/// for something, never for nothing, when they are all of a segment; `**` for any number of segments.
#[must_use]
pub fn path_matches(pattern: &str, path: &str) -> bool {
    match_segments(&segments(pattern), &segments(path), |pattern, text| {
        if is_parameter(pattern) || pattern == "*" { !text.is_empty() } else { glob(pattern, text) }
    })
}

/// The same against the path template of an endpoint: a parameter of the pattern is a parameter there, so that `/users/{id}`
/// leaves `/users/me` alone where that is an endpoint of its own.
#[must_use]
pub fn template_matches(pattern: &str, template: &str) -> bool {
    match_segments(&segments(pattern), &segments(template), |pattern, text| {
        if is_parameter(pattern) { is_parameter(text) } else { pattern == "*" || glob(pattern, text) }
    })
}

pub(super) fn has_parameter(pattern: &str) -> bool {
    segments(pattern).into_iter().any(is_parameter)
}

fn is_parameter(segment: &str) -> bool {
    segment.len() > 2 && segment.starts_with('{') && segment.ends_with('}')
}

fn segments(path: &str) -> Vec<&str> {
    path.strip_prefix('/').unwrap_or(path).split('/').collect()
}

fn match_segments(pattern: &[&str], path: &[&str], fits: impl Fn(&str, &str) -> bool + Copy) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=path.len()).any(|skipped| match_segments(rest, &path[skipped..], fits)),
        (Some((first, rest)), Some((segment, path))) => fits(first, segment) && match_segments(rest, path, fits),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_match_by_glob() {
        let check = |pattern, text, expected| assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        check("beta", "beta", true);
        check("beta", "beta2", false);
        check("Mozilla/*", "Mozilla/5.0 (X11)", true);
        check("*chrome*", "a chrome b", true);
        check("*chrome*", "firefox", false);
        check("a*b*c", "a1b2c", true);
        check("a*a", "a", false);
        check("*", "", true);
    }

    #[test]
    fn paths_match_by_template_or_glob() {
        let check = |pattern, path, expected| assert_eq!(path_matches(pattern, path), expected, "{pattern} {path}");
        check("/users/{id}", "/users/7", true);
        check("/users/{id}", "/users/", false);
        check("/users/{id}", "/users/7/posts", false);
        check("/users/*", "/users/7", true);
        check("/users/**", "/users/7/posts", true);
        check("/users/**", "/users", true);
        check("/v*/users", "/v2/users", true);
        check("/**/posts", "/users/7/posts", true);
        check("/**", "/", true);
        check("/", "/", true);
        check("/users", "/users/", false);
    }

    #[test]
    fn a_parameter_is_no_literal_endpoint() {
        assert!(template_matches("/users/{id}", "/users/{userId}"));
        assert!(!template_matches("/users/{id}", "/users/me"));
        assert!(template_matches("/users/*", "/users/me"));
        assert!(template_matches("/users/**", "/users/{id}/posts"));
    }
}
