//! What a normalizer may answer.

/// The name in a segment like `{name}`.
pub(crate) fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// Lets a template pass that names parameters of these segments and changes nothing else.
pub(crate) fn check(segments: &[String], template: Vec<String>) -> Result<Vec<String>, String> {
    if template.len() != segments.len() {
        return Err(format!("it answered {} segments for a path of {}", template.len(), segments.len()));
    }
    for (i, (segment, answered)) in segments.iter().zip(&template).enumerate() {
        match parameter(answered) {
            _ if segment == answered => {}
            Some(name) if !is_name(name) => {
                return Err(format!("it answered {answered:?}, which is no parameter name"));
            }
            Some(_) if template[..i].contains(answered) => return Err(format!("it answered {answered:?} twice")),
            Some(_) => {}
            None => return Err(format!("it answered {answered:?} for the segment {segment:?}")),
        }
    }
    Ok(template)
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    fn check(segments: &str, template: &str) -> Result<String, String> {
        let split = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        super::check(&split(segments), split(template)).map(|template| template.join("/"))
    }

    #[test]
    fn parameters_and_unchanged_segments_pass() {
        for template in ["t/acme/7", "t/{tenant}/7", "t/{tenant}/{user_id}", "{a}/{_b}/{c-1}"] {
            assert_eq!(check("t/acme/7", template).as_deref(), Ok(template));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for template in ["t/acme", "t/acme/7/", "t/ACME/7", "t/{}/7", "t/{a b}/7", "t/{1}/7", "t/{id}/{id}", "t/{a}x/7"]
        {
            assert!(check("t/acme/7", template).is_err(), "{template}");
        }
    }
}
