//! Finds national identity numbers by their check digits, so that a number that only looks like one is left alone.
//!
//! Known are the Norwegian fødselsnummer (11 digits, two check digits), the Swedish personnummer (10 or 12 digits, Luhn), the Polish
//! PESEL (11 digits), the Spanish DNI (8 digits and a letter), and the US social security number in its written form
//! (`123-45-6789`), which has no check digit. `kinds` chooses among `no,se,pl,es,us` (default: all).

use understudy_plugin_sdk::{Message, Redactor, config, export_redactor};

struct NationalId;

impl Redactor for NationalId {
    fn redact(message: Message) -> Vec<u32> {
        let kinds = config("kinds").unwrap_or_else(|| "no,se,pl,es,us".to_owned());
        let kinds: Vec<&str> = kinds.split(',').map(str::trim).collect();
        let texts = message.texts.iter().enumerate();
        texts.filter(|(_, text)| is_national_id(&text.value, &kinds)).map(|(i, _)| i as u32).collect()
    }
}

export_redactor!(NationalId);

fn is_national_id(text: &str, kinds: &[&str]) -> bool {
    // Nearly all texts are something else, and are told by their length.
    if !(9..=13).contains(&text.len()) || !text.is_ascii() {
        return false;
    }
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let plain = digits.len() == text.len();
    let all = |kind: &str| kinds.contains(&kind);
    all("no") && plain && norwegian(&digits)
        || all("pl") && plain && polish(&digits)
        || all("se") && swedish(text, &digits)
        || all("es") && spanish(text)
        || all("us") && american(text)
}

fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn is_date(day: u32, month: u32) -> bool {
    (1..=31).contains(&day) && (1..=12).contains(&month)
}

fn norwegian(digits: &[u32]) -> bool {
    digits.len() == 11
        && is_date(digits[0] % 4 * 10 + digits[1], digits[2] % 4 * 10 + digits[3])
        && weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

fn polish(digits: &[u32]) -> bool {
    digits.len() == 11
        && is_date(digits[4] * 10 + digits[5], digits[2] % 2 * 10 + digits[3])
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

fn swedish(text: &str, digits: &[u32]) -> bool {
    let short = match (digits.len(), text.len()) {
        (10, 10 | 11) => digits,
        (12, 12 | 13) => &digits[2..],
        _ => return false,
    };
    let separated = text.len() == digits.len() || matches!(text.as_bytes()[text.len() - 5], b'-' | b'+');
    let luhn: u32 =
        short.iter().enumerate().map(|(i, digit)| digit * (2 - i as u32 % 2)).map(|n| n / 10 + n % 10).sum();
    separated && is_date(short[4] * 10 + short[5], short[2] * 10 + short[3]) && luhn.is_multiple_of(10)
}

fn spanish(text: &str) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let (number, letter) = text.split_at(text.len() - 1);
    let number = number.strip_suffix('-').unwrap_or(number);
    number.len() == 8
        && number.parse::<usize>().is_ok_and(|number| letter.as_bytes()[0].to_ascii_uppercase() == LETTERS[number % 23])
}

fn american(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [area, group, serial] = parts[..] else { return false };
    let digits = |part: &str, len| part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(area, 3) && digits(group, 2) && digits(serial, 4) && area != "000" && area != "666" && !area.starts_with('9')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kinds: &[&str]) {
        for kind in ["no", "se", "pl", "es", "us"] {
            assert_eq!(is_national_id(text, &[kind]), kinds.contains(&kind), "{text} as {kind}");
        }
    }

    #[test]
    fn numbers_with_right_check_digits_are_found() {
        check("01010750160", &["no"]);
        check("811228-9874", &["se"]);
        check("198112289874", &["se"]);
        check("44051401359", &["pl"]);
        check("12345678Z", &["es"]);
        check("123-45-6789", &["us"]);
    }

    #[test]
    fn what_only_looks_like_one_is_left_alone() {
        for text in
            ["01010750161", "811228-9873", "44051401358", "12345678A", "666-45-6789", "2025-06-17", "hello world"]
        {
            check(text, &[]);
        }
    }
}
