//! What a body teaches, by its media type.

use crate::schema::Schema;
use crate::schema::read::{self, Reader};

/// Parts of a form that are looked at.
const MAX_PARTS: usize = 256;

/// How bodies of a media type are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Json,
    /// One JSON text per line.
    Lines,
    Form,
    Multipart,
    /// Counted by size only.
    Opaque,
}

impl Content {
    /// `media_type` without parameters, in lower case.
    pub(crate) fn of(media_type: &str) -> Self {
        match media_type {
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/jsonlines"
            | "application/x-jsonlines"
            | "application/json-seq"
            | "application/stream+json" => Self::Lines,
            "application/x-www-form-urlencoded" => Self::Form,
            "multipart/form-data" => Self::Multipart,
            _ if media_type.ends_with("/json") || media_type.ends_with("+json") => Self::Json,
            _ => Self::Opaque,
        }
    }
}

/// Adds a body to a summary; whether it could be read. `content_type` is the whole field, with its parameters.
pub(crate) fn read(
    schema: &mut Schema,
    content_type: &str,
    content: Content,
    bytes: &[u8],
    reader: &mut Reader<'_>,
) -> bool {
    match content {
        Content::Json => reader.json(schema, bytes),
        Content::Lines => lines(schema, bytes, reader),
        Content::Form => {
            read::pairs(schema, form_urlencoded::parse(bytes), reader);
            true
        }
        Content::Multipart => multipart(schema, content_type, bytes, reader),
        Content::Opaque => false,
    }
}

/// Every line is one value of the same schema; RFC 7464 puts a record separator before each.
fn lines(schema: &mut Schema, bytes: &[u8], reader: &mut Reader<'_>) -> bool {
    let texts = bytes.split(|b| matches!(b, b'\n' | 0x1e)).map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let read = texts.map(|line| reader.json(schema, line));
    read.fold(None, |all, one| Some(all.unwrap_or(true) && one)).unwrap_or(false)
}

/// RFC 7578. Of a file its size is learned, and nothing else.
fn multipart(
    schema: &mut Schema,
    content_type: &str,
    bytes: &[u8],
    Reader { room, at_ms, .. }: &mut Reader<'_>,
) -> bool {
    let Some(boundary) = parameter(content_type, "boundary") else { return false };
    let parts: Vec<Part<'_>> = parts(bytes, &boundary).take(MAX_PARTS).collect();
    let objects = schema.objects.get_or_insert_default();
    let mut reading = objects.fields.begin(*at_ms);
    for part in &parts {
        let Some(field) = objects.fields.entry(&mut reading, &part.name, |name| room.take(0, name)) else { continue };
        match std::str::from_utf8(part.content).ok().filter(|_| !part.file) {
            Some(text) => read::scalar(&mut field.schema, text),
            None => field.schema.strings.get_or_insert_default().add_file(part.content.len()),
        }
    }
    objects.count += 1;
    if objects.fields.end(reading, objects.count) {
        room.recount();
    }
    !parts.is_empty()
}

struct Part<'b> {
    name: String,
    file: bool,
    content: &'b [u8],
}

fn parts<'b>(bytes: &'b [u8], boundary: &str) -> impl Iterator<Item = Part<'b>> {
    let delimiter = format!("--{boundary}").into_bytes();
    let mut rest = find(bytes, &delimiter).map(|at| &bytes[at + delimiter.len()..]);
    std::iter::from_fn(move || {
        loop {
            let open = rest?.strip_prefix(b"\r\n").or_else(|| rest?.strip_prefix(b"\n"))?;
            let end = find(open, &delimiter)?;
            rest = Some(&open[end + delimiter.len()..]);
            if let Some(part) = part(&open[..end]) {
                return Some(part);
            }
        }
    })
}

fn part(bytes: &[u8]) -> Option<Part<'_>> {
    let (head, content) = split(bytes, b"\r\n\r\n").or_else(|| split(bytes, b"\n\n"))?;
    let content = content.strip_suffix(b"\r\n").or_else(|| content.strip_suffix(b"\n")).unwrap_or(content);
    let head = String::from_utf8_lossy(head);
    let field = |wanted: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim().to_owned())
    };
    let disposition = field("content-disposition")?;
    let typed = field("content-type").is_some_and(|value| !value.starts_with("text/plain"));
    Some(Part {
        name: parameter(&disposition, "name")?,
        file: typed || parameter(&disposition, "filename").is_some() || parameter(&disposition, "filename*").is_some(),
        content,
    })
}

/// A parameter of a header field, quotes removed.
fn parameter(field: &str, wanted: &str) -> Option<String> {
    let mut parameters = field.split(';').skip(1).filter_map(|part| part.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn split<'b>(bytes: &'b [u8], at: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let found = find(bytes, at)?;
    Some((&bytes[..found], &bytes[found + at.len()..]))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::render;
    use crate::schema::room::Room;

    fn check(content_type: &str, body: &str, expected: &str) {
        let mut schema = Schema::default();
        let media_type = content_type.split(';').next().unwrap();
        let mut room = Room::<64>::default();
        let content = Content::of(media_type);
        assert!(
            read(
                &mut schema,
                content_type,
                content,
                body.as_bytes(),
                &mut Reader { room: &mut room, listener: &mut (), at_ms: 0 }
            ),
            "{content_type}"
        );
        assert_eq!(render::schema(&schema).to_string(), expected);
    }

    #[test]
    fn reads_by_media_type() {
        check("application/hal+json", r#"{"a":1}"#, r#"{"type":"object","properties":{"a":{"type":"integer"}}}"#);
        check(
            "application/x-ndjson",
            "{\"a\":1}\n\n{\"a\":2.5}\n",
            r#"{"type":"object","properties":{"a":{"type":"number"}}}"#,
        );
        check(
            "application/x-www-form-urlencoded",
            "a=1&b=x+y",
            r#"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}}}"#,
        );
    }

    #[test]
    fn a_file_leaves_its_size() {
        let body = "--XX\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nMy cat!\r\n--XX\r\nContent-Disposition: \
                    form-data; name=\"photo\"; filename=\"cat.png\"\r\nContent-Type: image/png\r\n\r\nSECRET\r\n--XX--\r\n";
        check(
            "multipart/form-data; boundary=\"XX\"",
            body,
            r#"{"type":"object","properties":{"photo":{"type":"string","format":"binary"},"title":{"type":"string"}}}"#,
        );
        let mut schema = Schema::default();
        let mut room = Room::<64>::default();
        assert!(multipart(
            &mut schema,
            "multipart/form-data; boundary=XX",
            body.as_bytes(),
            &mut Reader { room: &mut room, listener: &mut (), at_ms: 0 }
        ));
        assert!(!format!("{schema:?}").contains("SECRET"));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let mut schema = Schema::default();
        let mut room = Room::<64>::default();
        let mut reader = Reader { room: &mut room, listener: &mut (), at_ms: 0 };
        assert!(!read(&mut schema, "image/png", Content::of("image/png"), b"x", &mut reader));
        assert!(!read(&mut schema, "application/x-ndjson", Content::Lines, b"\n", &mut reader));
        assert!(!multipart(&mut schema, "multipart/form-data", b"--\r\n", &mut reader));
        assert_eq!(schema, Schema::default());
    }
}
