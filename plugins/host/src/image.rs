//! A plugin's file: its bytes, what it calls itself, and the component in it.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::refusal::Refusal;

/// A custom section that says `name@version`; more lines may follow, from a second hook's macro.
const IDENTITY_SECTION: &str = "understudy-plugin";
/// Of a name and of a version.
const IDENTITY_BYTES: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// Never reads more than one byte beyond the bound, whatever the file's size is said to be.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, Refusal> {
    // Opening a named pipe would wait for somebody to write.
    if !path.metadata()?.is_file() {
        return Err(Refusal::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Refusal::TooBig { most });
    }
    Ok(bytes)
}

/// Found without running anything, so that a plugin that does not load has its name in the list too.
pub(crate) fn identity(bytes: &[u8]) -> Option<Identity> {
    let section = Parser::new(0).parse_all(bytes).map_while(Result::ok).find_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == IDENTITY_SECTION => Some(section.data()),
        _ => None,
    })?;
    let (name, version) = std::str::from_utf8(section).ok()?.lines().next()?.split_once('@')?;
    let is_plain =
        |text: &str| (1..=IDENTITY_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    (is_plain(name) && is_plain(version)).then(|| Identity { name: name.to_owned(), version: version.to_owned() })
}

/// A core module carries the description of its component in custom sections; from it the component is made here, so that
/// authors need no tool beside cargo.
pub(crate) fn component(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    if Parser::is_component(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    if !Parser::is_core_wasm(bytes) {
        return Err(Refusal::NotWasm);
    }
    let encoded = ComponentEncoder::default().module(bytes).and_then(|mut encoder| encoder.encode());
    encoded.map(Cow::Owned).map_err(|error| Refusal::NoComponent(format!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_section(text: &[u8]) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        let len = IDENTITY_SECTION.len();
        bytes.extend([0, u8::try_from(1 + len + text.len()).unwrap(), u8::try_from(len).unwrap()]);
        bytes.extend_from_slice(IDENTITY_SECTION.as_bytes());
        bytes.extend_from_slice(text);
        bytes
    }

    #[test]
    fn the_identity_is_the_first_line_of_its_section() {
        let identity = identity(&with_section(b"shops@1.2.0\nshops@1.2.0\n")).unwrap();
        assert_eq!((identity.name.as_str(), identity.version.as_str()), ("shops", "1.2.0"));
    }

    #[test]
    fn an_identity_that_cannot_be_shown_is_none() {
        for text in [&b"shops"[..], b"@1", b"a b@1", b"a\x1b@1", b"\xff@1", b""] {
            assert_eq!(identity(&with_section(text)), None, "{text:?}");
        }
    }

    #[test]
    fn only_regular_files_are_read() {
        for path in ["/dev/zero", "/"] {
            assert!(matches!(read(Path::new(path), 10), Err(Refusal::NotAFile)), "{path}");
        }
    }

    #[test]
    fn the_size_is_bounded() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0; 11]).unwrap();
        assert!(matches!(read(file.path(), 10), Err(Refusal::TooBig { most: 10 })));
        assert_eq!(read(file.path(), 11).unwrap().len(), 11);
    }
}
