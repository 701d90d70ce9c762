//! Makes IBANs and card numbers whose check digits are right, so that an app that checks them is content.
//!
//! A member whose name has `iban`, or `card` or `pan` with `number`, gets one. `country` (default `DE`) says of which country;
//! a member `country` beside it wins.

use understudy_plugin_sdk::{Field, Generator, config, export_generator};

struct PaymentData;

impl Generator for PaymentData {
    fn generate(field: Field) -> Option<String> {
        let name: String = field.name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let text = field.schema.contains("string");
        let mut digits = Digits(field.seed);
        if text && name.contains("iban") {
            let beside = field.siblings.iter().find(|(name, _)| name.to_lowercase().contains("country"));
            let country = beside.map(|(_, value)| value.trim_matches('"').to_owned());
            return Some(format!("\"{}\"", iban(country.or_else(|| config("country")).as_deref(), &mut digits)));
        }
        let card = ["cardnumber", "creditcard", "pan", "ccnumber"].iter().any(|word| name == *word);
        (text && card).then(|| format!("\"{}\"", card_number(&mut digits)))
    }
}

export_generator!(PaymentData);

/// Digits from a seed (SplitMix64).
struct Digits(u64);

impl Digits {
    fn take(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + (self.next() % 10) as u8)).collect()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The account part of an IBAN: letters of the bank, then so many digits (ISO 13616 registry).
fn account(country: &str) -> (&'static str, &'static str, usize) {
    match country {
        "AT" => ("AT", "", 16),
        "BE" => ("BE", "", 12),
        "CH" => ("CH", "", 17),
        "ES" => ("ES", "", 20),
        "GB" => ("GB", "WEST", 14),
        "NL" => ("NL", "ABNA", 10),
        "NO" => ("NO", "", 11),
        "PL" => ("PL", "", 24),
        "SE" => ("SE", "", 20),
        _ => ("DE", "", 18),
    }
}

/// With check digits by ISO 7064 MOD 97-10.
fn iban(country: Option<&str>, digits: &mut Digits) -> String {
    let (country, bank, count) = account(&country.unwrap_or("DE").to_uppercase());
    let account = format!("{bank}{}", digits.take(count));
    let check = 98 - remainder(&format!("{account}{country}00"));
    format!("{country}{check:02}{account}")
}

/// Of the number that comes of letters written as 10 to 35, by 97.
fn remainder(text: &str) -> u32 {
    text.chars().fold(0, |rest, c| {
        let value = c.to_digit(36).unwrap_or(0);
        (rest * if value < 10 { 10 } else { 100 } + value) % 97
    })
}

/// Sixteen digits, the last by Luhn (ISO/IEC 7812-1). They begin like a test card: no real card has 4000 0000.
fn card_number(digits: &mut Digits) -> String {
    let body = format!("40000000{}", digits.take(7));
    let check = (10 - luhn_sum(&body, true) % 10) % 10;
    format!("{body}{check}")
}

/// `doubled`: whether the last digit counts twice.
fn luhn_sum(text: &str, doubled: bool) -> u32 {
    let digits = text.chars().rev().filter_map(|c| c.to_digit(10)).enumerate();
    digits
        .map(|(i, digit)| {
            let digit = if (i % 2 == 0) == doubled { digit * 2 } else { digit };
            digit / 10 + digit % 10
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, seed: u64, siblings: &[(&str, &str)]) -> Field {
        Field {
            method: "GET".to_owned(),
            template: "/accounts/{id}".to_owned(),
            pointer: format!("/{name}"),
            name: name.to_owned(),
            schema: r#"{"type":"string"}"#.to_owned(),
            seed,
            siblings: siblings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn check_digits_are_right() {
        assert_eq!(remainder("WEST12345698765432GB82"), 1, "the example of the standard");
        for seed in 0..200 {
            let iban = PaymentData::generate(field("iban", seed, &[("country", "\"NL\"")])).unwrap();
            let iban = iban.trim_matches('"');
            assert!(iban.starts_with("NL") && iban.len() == 18, "{iban}");
            assert_eq!(remainder(&format!("{}{}", &iban[4..], &iban[..4])), 1, "{iban}");
            let card = PaymentData::generate(field("cardNumber", seed, &[])).unwrap();
            assert_eq!(luhn_sum(card.trim_matches('"'), false) % 10, 0, "{card}");
        }
    }

    #[test]
    fn other_members_are_left_alone_and_a_seed_repeats() {
        assert_eq!(PaymentData::generate(field("name", 1, &[])), None);
        assert_eq!(PaymentData::generate(field("iban", 1, &[])), PaymentData::generate(field("iban", 1, &[])));
        assert_ne!(PaymentData::generate(field("iban", 1, &[])), PaymentData::generate(field("iban", 2, &[])));
    }
}
