//! Which fields hold secrets, by their names.

/// Whole names, folded by [`fold`].
const NAMES: [&str; 25] = [
    "pwd",
    "pass",
    "passcode",
    "pin",
    "authorization",
    "clientassertion",
    "clientsecret",
    "codeverifier",
    "confirmpassword",
    "devicecode",
    "passwordconfirm",
    "passwordconfirmation",
    "passwordrepeat",
    "passwordhash",
    "jwt",
    "bearer",
    "mfacode",
    "otp",
    "otpcode",
    "recoverycode",
    "recoverycodes",
    "totp",
    "cvv",
    "cvc",
    "usercode",
];
const ENDINGS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "token",
    "tokens",
];
/// Whose numbers are secret as well: those of `tokens` are counts.
const DIGITS: [&str; 13] = [
    "pwd",
    "pass",
    "password",
    "newpassword",
    "oldpassword",
    "passcode",
    "pin",
    "mfacode",
    "otp",
    "otpcode",
    "totp",
    "cvv",
    "cvc",
];
/// What makes an address a credential: whoever has it may use it (signed addresses of object stores).
const IN_ADDRESS: [&str; 6] =
    ["sig", "signature", "xamzsignature", "xamzcredential", "xgoogsignature", "xgoogcredential"];
/// Cookies of these say who somebody is.
const SESSION: [&str; 8] = ["sess", "sid", "auth", "token", "jwt", "csrf", "xsrf", "remember"];
/// What stands behind these in a path is a credential if it looks like one.
const BEFORE_CREDENTIAL: [&str; 14] = [
    "token",
    "reset",
    "resetpassword",
    "passwordreset",
    "verify",
    "verifyemail",
    "confirm",
    "confirmemail",
    "magiclink",
    "activate",
    "unsubscribe",
    "apikey",
    "secret",
    "accesstoken",
];
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

/// A member whose number is no count.
pub(super) fn is_secret_number(name: &str) -> bool {
    DIGITS.contains(&fold(name).as_str())
}

/// A parameter of an address, where it is more than elsewhere.
pub(super) fn is_secret_in_address(name: &str) -> bool {
    IN_ADDRESS.contains(&fold(name).as_str())
}

/// A cookie whose value is worth looking for elsewhere.
pub(super) fn is_session(cookie: &str) -> bool {
    let folded = fold(cookie);
    SESSION.iter().any(|word| folded.contains(word))
}

/// A segment of a path.
pub(super) fn announces_credential(segment: &str) -> bool {
    BEFORE_CREDENTIAL.contains(&fold(segment).as_str())
}

/// `name` in lower case, as header names are.
pub(super) fn is_secret_header(name: &str) -> bool {
    name.contains("session") || is_secret_name(name) || name.ends_with("-key") && name != "idempotency-key"
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
            ("x-session-id", true),
            ("accept", false),
        ] {
            assert_eq!(is_secret_header(name), secret, "{name}");
        }
    }
}
