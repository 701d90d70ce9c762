//! Which fields hold secrets, by their names.

/// Whole names, folded by [`fold`].
const NAMES: [&str; 16] = [
    "pwd",
    "pass",
    "authorization",
    "clientsecret",
    "confirmpassword",
    "passwordconfirm",
    "passwordconfirmation",
    "passwordrepeat",
    "passwordhash",
    "jwt",
    "bearer",
    "otp",
    "cvv",
    "cvc",
    "secretkey",
    "privatekey",
];
const ENDINGS: [&str; 8] = ["password", "passwd", "passphrase", "secret", "apikey", "accesskey", "token", "tokens"];
/// A token by name that is a place in a list, and no secret.
const HARMLESS: [&str; 7] = ["page", "next", "prev", "previous", "continuation", "cursor", "sync"];

/// A JSON field, a query parameter or a form field.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = fold(name);
    if NAMES.contains(&name.as_str()) {
        return true;
    }
    let ends = ENDINGS.iter().any(|ending| name.ends_with(ending));
    ends && !HARMLESS.iter().any(|word| name.contains(word))
}

/// `name` in lower case, as header names are.
pub(super) fn is_secret_header(name: &str) -> bool {
    is_secret_name(name) || name.ends_with("-key") && name != "idempotency-key"
}

/// `api_key`, `apiKey`, `API-KEY` are the same name.
fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in [
            "password",
            "user[password]",
            "newPassword",
            "access_token",
            "refreshToken",
            "API-Key",
            "token",
            "client_secret",
            "pwd",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in
            ["token_type", "nextPageToken", "page_token", "secretary", "passport", "passwordUpdatedAt", "author", "key"]
        {
            assert!(!is_secret_name(name), "{name}");
        }
        for (name, secret) in [
            ("x-api-key", true),
            ("x-auth-token", true),
            ("idempotency-key", false),
            ("sec-websocket-key", true),
            ("accept", false),
        ] {
            assert_eq!(is_secret_header(name), secret, "{name}");
        }
    }
}
