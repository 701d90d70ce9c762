//! Reads a document member by member, and can say where it stands.

use serde_json::Value;

use super::ImportError;

/// No more of a wrong value is shown.
const SHOWN_CHARS: usize = 60;

/// A value of the document and its JSON Pointer (RFC 6901).
#[derive(Debug, Clone)]
pub(super) struct Cursor<'v> {
    pub(super) value: &'v Value,
    pointer: String,
}

impl<'v> Cursor<'v> {
    pub(super) fn root(value: &'v Value) -> Self {
        Self { value, pointer: String::new() }
    }

    /// A value that stands in a document at a place with a name of its own.
    pub(super) fn at(value: &'v Value, place: String) -> Self {
        Self { value, pointer: place }
    }

    pub(super) fn place(&self) -> String {
        self.pointer.clone()
    }

    fn step(&self, value: &'v Value, name: &str) -> Self {
        let name = name.replace('~', "~0").replace('/', "~1");
        Self { value, pointer: format!("{}/{name}", self.pointer) }
    }

    /// A member. One that is null is absent, which is what the tools that write these files mean.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(self.step(value, name))
    }

    /// A member that has to be there.
    pub(super) fn need(&self, name: &str, expected: &'static str) -> Result<Self, ImportError> {
        self.get(name).ok_or_else(|| self.step(&Value::Null, name).wrong(expected))
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, ImportError> {
        let items = self.value.as_array().ok_or_else(|| self.wrong("a list"))?;
        Ok((0..).zip(items).map(|(index, item): (usize, _)| self.step(item, &index.to_string())).collect())
    }

    pub(super) fn members(&self) -> Result<Vec<(&'v str, Self)>, ImportError> {
        let members = self.value.as_object().ok_or_else(|| self.wrong("an object"))?;
        Ok(members.iter().map(|(name, value)| (name.as_str(), self.step(value, name))).collect())
    }

    /// The items of a list that may be absent.
    pub(super) fn items_of(&self, name: &str) -> Result<Vec<Self>, ImportError> {
        self.get(name).map_or_else(|| Ok(Vec::new()), |list| list.items())
    }

    /// The members of an object that may be absent.
    pub(super) fn members_of(&self, name: &str) -> Result<Vec<(&'v str, Self)>, ImportError> {
        self.get(name).map_or_else(|| Ok(Vec::new()), |object| object.members())
    }

    /// A text that may be absent.
    pub(super) fn text_of(&self, name: &str) -> Result<Option<&'v str>, ImportError> {
        self.get(name).map(|text| text.text()).transpose()
    }

    pub(super) fn text(&self) -> Result<&'v str, ImportError> {
        self.value.as_str().ok_or_else(|| self.wrong("a text"))
    }

    /// A text, or what JSON writes for a number or a boolean: header fields and parameters are given as either.
    pub(super) fn plain(&self) -> Result<String, ImportError> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(_) | Value::Bool(_) => Ok(self.value.to_string()),
            _ => Err(self.wrong("a text")),
        }
    }

    /// Whether a member is there and true.
    pub(super) fn is(&self, name: &str) -> bool {
        self.value.get(name) == Some(&Value::Bool(true))
    }

    /// Whether the text beside it is coded, as HARs say it.
    pub(super) fn is_base64(&self) -> bool {
        self.value.get("encoding").and_then(Value::as_str) == Some("base64")
    }

    pub(super) fn status(&self) -> Result<u16, ImportError> {
        let status = self.value.as_u64().and_then(|status| u16::try_from(status).ok());
        status.filter(|status| (100..600).contains(status)).ok_or_else(|| self.wrong("a status from 100 to 599"))
    }

    pub(super) fn base64(&self) -> Result<Vec<u8>, ImportError> {
        use base64::Engine;
        let text = self.text()?;
        base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| self.wrong("base64 (RFC 4648 section 4)"))
    }

    pub(super) fn wrong(&self, expected: &'static str) -> ImportError {
        let given = match self.value {
            Value::Null => "nothing".to_owned(),
            value => value.to_string(),
        };
        let given = match given.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{}…", &given[..end]),
            None => given,
        };
        let at = if self.pointer.is_empty() { "the top".to_owned() } else { self.pointer.clone() };
        ImportError::Damaged { at, given, expected }
    }

    /// The same about its name.
    pub(super) fn misnamed(&self, expected: &'static str) -> ImportError {
        let name = self.pointer.rsplit('/').next().unwrap_or_default();
        let given = format!("{:?}", name.replace("~1", "/").replace("~0", "~"));
        ImportError::Damaged { at: self.pointer.clone(), given, expected }
    }
}
