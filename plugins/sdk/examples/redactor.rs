//! Keeps customer numbers such as `C-123456` out of what is stored.

use understudy_plugin_sdk::{Message, Redactor, export_redactor};

struct Plugin;

impl Redactor for Plugin {
    fn redact(message: Message) -> Vec<u32> {
        let is_customer = |value: &str| {
            value
                .strip_prefix("C-")
                .is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_digit()))
        };
        (0..).zip(&message.texts).filter(|(_, text)| is_customer(&text.value)).map(|(index, _)| index).collect()
    }
}

export_redactor!(Plugin);
