//! Objects of several kinds at one position, told apart by the fields that go together.
//!
//! A kind shows itself by fields that always come together and are missing together, and by fields that never meet. Both
//! happen by chance too, so each finding is weighed: how likely is it, if every field came and went on its own?

use super::Objects;

/// More kinds than these are rather one kind with many optional fields.
const MAX_VARIANTS: usize = 8;
/// A finding must be less likely than one in so many, for each pair of fields that could have shown it.
const DOUBT: f64 = 2000.0;

/// One kind of object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variant {
    /// How many objects were of it.
    pub(crate) count: u64,
    /// The field that only it has, and always; the last kind may be the one that has none of them.
    pub(crate) key: Option<usize>,
    /// Its fields in order, and whether they are always there.
    pub(crate) fields: Vec<(usize, bool)>,
}

/// A field whose value says of which kind an object is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tag {
    pub(crate) field: usize,
    /// In the order of the variants.
    pub(crate) values: Vec<String>,
}

/// Fields that always come together.
struct Group {
    present: u64,
    fields: Vec<usize>,
}

/// The kinds, more frequent ones first; none when there is but one.
pub(crate) fn find(objects: &Objects) -> Vec<Variant> {
    let groups = groups(objects);
    let optional: f64 = groups.iter().map(|group| group.fields.len() as f64).sum();
    let doubt = (DOUBT * optional * optional).ln();
    let mut best: Vec<&Group> = Vec::new();
    for first in &groups {
        let chosen = choose(objects, first, &groups);
        if weight(objects.count, &chosen) > doubt && chosen.len() > best.len() {
            best = chosen;
        }
    }
    if best.is_empty() || best.len() > MAX_VARIANTS {
        return Vec::new();
    }
    let mut variants: Vec<Variant> = best.iter().map(|group| variant(objects, group)).collect();
    let told: u64 = best.iter().map(|group| group.present).sum();
    if told < objects.count {
        variants.push(remainder(objects, &best, objects.count - told));
    }
    if variants.len() < 2 { Vec::new() } else { variants }
}

/// The field that is always there and has one word for each kind, as often as there were objects of the kind. Which word
/// goes with which kind is told by these counts, so no two may be the same.
pub(crate) fn tag(objects: &Objects, variants: &[Variant]) -> Option<Tag> {
    let mut counts: Vec<u64> = variants.iter().map(|variant| variant.count).collect();
    counts.sort_unstable();
    if variants.len() < 2 || counts.windows(2).any(|two| two[0] == two[1]) {
        return None;
    }
    let values = |field: &super::Field| {
        let strings = field.schema.strings.as_ref()?;
        let words = strings.texts.few().filter(|words| words.len() == variants.len())?;
        (field.present == objects.count && strings.count == objects.count).then_some(())?;
        let word = |variant: &Variant| words.iter().find(|(_, count)| *count == variant.count);
        variants.iter().map(|variant| word(variant).map(|(text, _)| text.to_string())).collect::<Option<Vec<_>>>()
    };
    // Of several the one that is called so.
    let found = objects.fields.iter().enumerate().filter_map(|(at, (name, field))| Some((at, name, values(field)?)));
    let is_kind =
        |name: &str| matches!(crate::names::words(name).last().map(String::as_str), Some("type" | "kind" | "object"));
    let (field, _, values) = found.max_by_key(|(at, name, _)| (is_kind(name), std::cmp::Reverse(*at)))?;
    Some(Tag { field, values })
}

/// The optional fields that were often enough there and missing, with those that they always come with. Larger groups
/// first.
fn groups(objects: &Objects) -> Vec<Group> {
    let fields: Vec<u64> = objects.fields.values().map(|field| field.present).collect();
    let mut groups: Vec<Group> = Vec::new();
    for (at, present) in fields.iter().copied().enumerate().filter(|(_, p)| *p >= 3 && *p + 3 <= objects.count) {
        let twin = groups.iter_mut().find(|group| {
            let first = group.fields[0];
            objects.fields.implies(first, at) == Some(true) && objects.fields.implies(at, first) == Some(true)
        });
        match twin {
            Some(group) => group.fields.push(at),
            None => groups.push(Group { present, fields: vec![at] }),
        }
    }
    groups.sort_by_key(|group| (std::cmp::Reverse((group.fields.len(), group.present)), group.fields[0]));
    groups
}

/// A group, and others that meet neither it nor each other.
fn choose<'g>(objects: &Objects, first: &'g Group, groups: &'g [Group]) -> Vec<&'g Group> {
    let mut chosen = vec![first];
    let mut told = first.present;
    for group in groups {
        let apart = |other: &&Group| objects.fields.met(other.fields[0], group.fields[0]) == Some(false);
        if told + group.present <= objects.count && chosen.iter().all(apart) {
            told += group.present;
            chosen.push(group);
        }
    }
    chosen
}

/// How much it says that the fields of each group coincide, and that the groups never meet: minus the logarithm of the
/// chance that fields that come and go on their own do so.
fn weight(count: u64, chosen: &[&Group]) -> f64 {
    let mut weight = 0.0;
    for (at, group) in chosen.iter().enumerate() {
        weight += (group.fields.len() - 1) as f64 * choices(count, group.present);
        // All of this group fell where none of those before was.
        let before: u64 = chosen[..at].iter().map(|group| group.present).sum();
        weight += choices(count, group.present) - choices(count - before, group.present);
    }
    weight
}

/// The logarithm of the number of ways to choose `k` of `n`.
fn choices(n: u64, k: u64) -> f64 {
    let k = k.min(n - k.min(n));
    (0..k.min(4096)).map(|i| ((n - i) as f64 / (k - i) as f64).ln()).sum()
}

fn variant(objects: &Objects, group: &Group) -> Variant {
    let key = group.fields[0];
    let fields = (0..objects.fields.len())
        .filter(|at| objects.fields.met(key, *at) == Some(true))
        .map(|at| (at, objects.fields.implies(key, at) == Some(true)))
        .collect();
    Variant { count: group.present, key: Some(key), fields }
}

/// The kind without any of the keys.
fn remainder(objects: &Objects, told: &[&Group], count: u64) -> Variant {
    let fields = objects.fields.values().enumerate().filter_map(|(at, field)| {
        let always = field.present >= objects.count;
        // What always comes with one of the others is theirs.
        let theirs = told.iter().any(|group| objects.fields.implies(at, group.fields[0]) == Some(true));
        (!theirs).then_some((at, always))
    });
    Variant { count, key: None, fields: fields.collect() }
}

#[cfg(test)]
mod tests {
    use super::super::{Schema, read, room::Room};
    use super::*;

    fn check(bodies: &[(&str, usize)], expected: &[&str]) {
        let (mut schema, mut room) = (Schema::default(), Room::<64>::default());
        for (body, times) in bodies {
            (0..*times).for_each(|_| assert!(read::json(&mut schema, body.as_bytes(), &mut room, &mut ())));
        }
        let objects = schema.objects.unwrap();
        let names: Vec<&str> = objects.fields.iter().map(|(name, _)| name).collect();
        let show = |variant: &Variant| {
            let field = |(at, always): &(usize, bool)| format!("{}{}", names[*at], if *always { "" } else { "?" });
            variant.fields.iter().map(field).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(find(&objects).iter().map(show).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn kinds_with_fields_of_their_own() {
        check(
            &[
                (r#"{"id":1,"card":1,"brand":1}"#, 12),
                (r#"{"id":1,"iban":1,"bank":1}"#, 6),
                (r#"{"id":1,"iban":1,"bank":1,"note":1}"#, 5),
            ],
            &["brand card id", "bank iban id note?"],
        );
    }

    #[test]
    fn a_kind_without_fields_of_its_own() {
        check(&[(r#"{"id":1,"a":1,"b":1,"c":1}"#, 10), (r#"{"id":1}"#, 10)], &["a b c id", "id"]);
    }

    #[test]
    fn optional_fields_make_no_kinds() {
        check(&[(r#"{"id":1,"a":1}"#, 10), (r#"{"id":1}"#, 10)], &[]);
        check(
            &[(r#"{"id":1,"a":1}"#, 9), (r#"{"id":1,"b":1}"#, 9), (r#"{"id":1,"a":1,"b":1}"#, 9), (r#"{"id":1}"#, 9)],
            &[],
        );
        check(&[(r#"{"id":1,"a":1,"b":1}"#, 1), (r#"{"id":1}"#, 9)], &[]);
    }
}
