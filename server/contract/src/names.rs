//! What names tell, and names for parameters.

/// The words of a name: `createdAt`, `created_at` and `created-at` are two.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = '_';
    for c in name.chars() {
        if !c.is_alphanumeric() {
            last = '_';
            continue;
        }
        if last == '_' || (c.is_uppercase() && !last.is_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        last = c;
    }
    words
}

/// Whether a field of this name holds what tells one thing from another: an id, a slug, a name.
pub(crate) fn is_identifier(name: &str) -> bool {
    let words = words(name);
    words.last().is_some_and(|last| {
        matches!(
            last.as_str(),
            "id" | "ids"
                | "uid"
                | "gid"
                | "guid"
                | "uuid"
                | "slug"
                | "login"
                | "username"
                | "user"
                | "name"
                | "key"
                | "code"
                | "number"
                | "sku"
                | "symbol"
                | "sha"
                | "hash"
                | "email"
                | "identifier"
                | "handle"
                | "permalink"
                | "nickname"
                | "token"
                | "domain"
                | "address"
        ) || last.len() > 4
            && last.ends_with("id")
            && !matches!(last.as_str(), "valid" | "invalid" | "paid" | "unpaid" | "grid" | "android")
    })
}

/// `users` -> `user`, `categories` -> `category`.
pub(crate) fn singular(word: &str) -> String {
    let unchanged = ["series", "news", "status", "address", "access", "analysis", "business", "sms", "dns", "progress"];
    if unchanged.contains(&word) {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    for ending in ["sses", "shes", "ches", "xes", "uses"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    match word.strip_suffix('s') {
        Some(stem) if stem.len() > 1 && !stem.ends_with('s') => stem.to_owned(),
        _ => word.to_owned(),
    }
}

/// A name for the parameter that follows `before` (the literal in front of it, if one is), whose values stand in a field
/// called `field` (`id` when nothing better is known): `id` at the end of a template, `userId` inside one; unique among
/// `taken`.
pub(crate) fn parameter(before: Option<&str>, field: &str, last: bool, taken: &[String]) -> String {
    let mut field = words(field);
    let mut owner = before.map_or_else(|| vec!["parent".to_owned()], words);
    if let Some(word) = owner.last_mut() {
        *word = singular(word);
    }
    if !last {
        // `user_name` below `users` is no `userUserName`.
        let said = owner.len().min(field.len().saturating_sub(1));
        let said = (0..=said).rev().find(|n| field[..*n] == owner[owner.len() - n..]).unwrap_or(0);
        field.drain(..said);
        field.splice(..0, owner);
    }
    let base = camel(&field);
    let base = if base.is_empty() { "id".to_owned() } else { base };
    if !taken.contains(&base) {
        return base;
    }
    (2..).map(|n| format!("{base}{n}")).find(|name| !taken.contains(name)).unwrap_or(base)
}

fn camel(words: &[String]) -> String {
    let mut out = String::new();
    for (n, word) in words.iter().enumerate() {
        let mut chars = word.chars();
        match chars.next() {
            Some(first) if n > 0 => out.extend(first.to_uppercase().chain(chars)),
            Some(first) => out.extend(std::iter::once(first).chain(chars)),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        for name in ["id", "user_id", "userId", "slug", "postid", "fullName"] {
            assert!(is_identifier(name), "{name}");
        }
        for name in ["status", "paid", "valid", "", "description", "created_at"] {
            assert!(!is_identifier(name), "{name}");
        }
    }

    #[test]
    fn parameters() {
        let check =
            |before: Option<&str>, last: bool, expected: &str| assert_eq!(parameter(before, "id", last, &[]), expected);
        check(Some("users"), true, "id");
        check(Some("users"), false, "userId");
        check(Some("order-items"), false, "orderItemId");
        check(Some("categories"), false, "categoryId");
        check(None, false, "parentId");
        assert_eq!(parameter(Some("users"), "id", true, &["id".into()]), "id2");
        assert_eq!(parameter(Some("users"), "user_name", true, &[]), "userName");
        assert_eq!(parameter(Some("users"), "user_name", false, &[]), "userName");
        assert_eq!(parameter(Some("articles"), "slug", false, &[]), "articleSlug");
        assert_eq!(parameter(Some("organization-units"), "unit_id", false, &[]), "organizationUnitId");
    }
}
