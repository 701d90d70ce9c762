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
    // Every member of every body comes by here: nothing is allocated for the usual names.
    let mut short = [0; 64];
    if name.is_ascii() && name.len() <= short.len() {
        let letters = name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
        let length = short.iter_mut().zip(letters).map(|(place, byte)| *place = byte).count();
        return std::str::from_utf8(&short[..length]).is_ok_and(is_secret_word);
    }
    is_secret_word(&fold(name))
}

fn is_secret_word(folded: &str) -> bool {
    if NAMES.contains(&folded) {
        return true;
    }
    let ends = ENDINGS.iter().any(|ending| folded.ends_with(ending));
    ends && !HARMLESS.iter().any(|word| folded.contains(word))
}

/// `name` in lower case, as header names are.
pub(super) fn is_secret_header(name: &str) -> bool {
    is_secret_name(name) || name.ends_with("-key") && name != "idempotency-key"
}

/// `api_key`, `apiKey`, `API-KEY` are the same name.
pub(super) fn fold(name: &str) -> String {
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
            "Ümlaut_Token",
            &format!("{}_token", "a".repeat(80)),
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
