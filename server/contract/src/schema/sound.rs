//! Whether a text can be read to its end, found out before any of it is learned: what breaks off within would leave a part of
//! itself behind, and then the order of learning would show.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::read::Key;
use super::room::MAX_DEPTH;

/// JSON whose strings are Unicode and whose numbers are numbers here, too: no lone surrogate, nothing beyond 64 bits of floating
/// point. Below the depth that is learned it only has to be JSON.
pub(super) fn is_sound(bytes: &[u8]) -> bool {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Sound { depth: 0 }.deserialize(&mut deserializer).is_ok() && deserializer.end().is_ok()
}

struct Sound {
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for Sound {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Deeper it is not read, either.
        if self.depth > MAX_DEPTH {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(drop);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Self { depth: self.depth + 1 })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Key(_)) = entries.next_key::<Key<'de>>()? {
            entries.next_value_seed(Self { depth: self.depth + 1 })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Schema;
    use super::super::read::json;
    use super::super::room::Room;
    use super::*;

    #[test]
    fn what_cannot_be_read_to_its_end_is_not_begun() {
        let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        let nested = |depth: usize| [br#"{"a":"#.repeat(depth), b"1".to_vec(), b"}".repeat(depth)].concat();
        for (text, expected) in [
            (br#"{"a":1,"b":["x",null,-0.0,1e308]}"#.to_vec(), true),
            (br#"{"a":1,"b":1E400}"#.to_vec(), false),
            (br#"{"a":1,"b":"\ud800"}"#.to_vec(), false),
            (br#"{"a":1,"\ud800":2}"#.to_vec(), false),
            (b"{\"a\":1,\"b\":\"\xff\"}".to_vec(), false),
            (b"{\"a\":1}x".to_vec(), false),
            (b"{\"a\":1,".to_vec(), false),
            (deep(100_000), true),
            (nested(100_000), true),
        ] {
            let what = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
            assert_eq!(is_sound(&text), expected, "{what}");
            let mut schema = Schema::default();
            assert_eq!(json(&mut schema, &text, &mut Room::<64>::default(), &mut ()), expected, "{what}");
            if !expected {
                assert_eq!(schema, Schema::default(), "{what}");
            }
        }
    }
}
