//! Objects with more names than a record has: what is always there keeps its name, all else shares one field.
//!
//! That there are too many names never ceases to be true, and a name that was once missing is never again one that is always
//! there. So what shares a field in the end does not depend on the order, and what was counted under a name of its own until
//! then is added to what is counted without one.

use super::{Field, Fields};
use crate::sketch::Absorb;

/// Names at one position; the widest records of real APIs have some hundred.
const MAX_NAMES: usize = 256;
/// Names with objects below them: each costs what lies below, and all look alike in a map.
const MAX_BRANCHES: usize = 48;

impl Fields {
    /// Gathers what is not always there once there are too many names; `objects` is how many were read. Says whether fields
    /// became one.
    pub(super) fn gather(&mut self, objects: u64) -> bool {
        if !self.wide {
            if !self.has_too_many() {
                return false;
            }
            self.wide = true;
            self.unrelate();
        }
        if self.list.iter().all(|(_, field)| field.present >= objects) {
            return false;
        }
        let (always, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.list).into_iter().partition(|(_, field)| field.present >= objects);
        self.list = always;
        others.iter().for_each(|(_, field)| self.share(field));
        self.unrelate();
        true
    }

    fn has_too_many(&self) -> bool {
        let branches = || self.list.iter().filter(|(_, field)| field.schema.branches()).count();
        self.list.len() > MAX_NAMES || (self.list.len() > MAX_BRANCHES && branches() > MAX_BRANCHES)
    }

    fn share(&mut self, field: &Field) {
        Field::absorb(self.rest.get_or_insert_default(), field);
    }

    /// Adds the fields of other objects where one side has too many names: what only one of them has is not always there.
    pub(super) fn absorb_wide(&mut self, other: &Self, objects: u64) {
        self.wide = true;
        self.cut |= other.cut;
        self.unrelate();
        other.rest.iter().for_each(|rest| self.share(rest));
        for (name, field) in other.iter() {
            match self.find(name) {
                Ok(at) => self.list[at].1.absorb(field),
                // The identity has seen no object at all.
                Err(at) if field.present >= objects => self.list.insert(at, (name.into(), field.clone())),
                Err(_) => self.share(field),
            }
        }
        self.gather(objects);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Objects, Schema, read, room::Room};
    use crate::sketch::Absorb;

    fn of(texts: &[String]) -> Schema {
        let (mut schema, mut room) = (Schema::default(), Room::<4096>::default());
        for text in texts {
            assert!(read::json(&mut schema, text.as_bytes(), &mut room, &mut ()));
        }
        schema
    }

    fn objects(schema: &Schema) -> &Objects {
        schema.objects.as_ref().unwrap()
    }

    /// Names `n` and `n + 1` of many, one of them twice, beside one that is always there.
    fn texts(below: &str) -> Vec<String> {
        (0..300).map(|n| format!(r#"{{"w{n}":{below},"id":{n},"w{}":null,"w{n}":{below}}}"#, n * 7 % 300)).collect()
    }

    #[test]
    fn what_is_always_there_keeps_its_name() {
        for below in ["1", r#"{"a":[{"b":"x"}]}"#, r#"[{"a":1}]"#] {
            let all = of(&texts(below));
            let fields = &objects(&all).fields;
            assert_eq!(fields.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["id"], "{below}");
            assert_eq!(fields.rest.as_ref().unwrap().schema.count(), 900, "{below}");
        }
    }

    #[test]
    fn records_are_no_maps() {
        let wide: Vec<String> = (0..200).map(|n| format!(r#""field{n}":{n}"#)).collect();
        assert!(objects(&of(&[format!("{{{}}}", wide.join(","))])).fields.rest.is_none());
    }

    #[test]
    fn merging_is_learning_in_any_order() {
        for below in ["1", r#"{"a":[{"b":"x"}]}"#] {
            let mut texts = texts(below);
            let all = of(&texts);
            for split in [0, 1, 3, 40, 120, 299, 300] {
                let (mut left, mut right) = (of(&texts[..split]), of(&texts[split..]));
                let before = left.clone();
                left.absorb(&right);
                right.absorb(&before);
                assert_eq!((&left, &right), (&all, &all), "{below} {split}");
            }
            texts.reverse();
            assert_eq!(of(&texts), all);
        }
    }
}
