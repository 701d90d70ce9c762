//! What can be taken out of a project, by name. The texts are made by the contract crate; here are those that need more.

use understudy_contract::export::{self, Format, Source};

use crate::store::Project;

/// Every name; `har` is made of recent traffic, which only a running server remembers.
pub const NAMES: [&str; 11] = [
    "openapi",
    "openapi-yaml",
    "har",
    "postman",
    "wiremock",
    "hoverfly",
    "mockoon",
    "msw",
    "k6",
    "json-schema",
    "typescript",
];

/// A text and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub text: String,
    pub media_type: &'static str,
    /// Of a file that holds it, without a dot.
    pub extension: &'static str,
}

/// The export of this name from what was learned. `None`: none has this name.
pub fn learned(source: &Source<'_>, name: &str) -> Option<Result<Export, String>> {
    if name == "openapi-yaml" {
        return Some(yaml(source));
    }
    let format = Format::ALL.into_iter().find(|format| format.name() == name)?;
    let text = export::export(source, format);
    Some(Ok(Export { text, media_type: format.media_type(), extension: format.extension() }))
}

/// The same document in the other notation.
fn yaml(source: &Source<'_>) -> Result<Export, String> {
    let json = export::export(source, Format::OpenApi);
    let document: serde_json::Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let text = serde_saphyr::to_string(&document).map_err(|error| error.to_string())?;
    Ok(Export { text, media_type: "application/yaml", extension: "yaml" })
}

/// What an API is called: its project's file without the extension.
#[must_use]
pub fn title(project: &str) -> &str {
    project.rsplit_once('.').map_or(project, |(name, _)| name)
}

/// The export of a project that no server holds.
pub fn stored(project: Project, file: &str, base_url: &str, name: &str) -> Option<Result<Export, String>> {
    let mut journal = understudy_contract::twin::Journal::default();
    project.journal.into_iter().for_each(|exchange| journal.push(exchange));
    let contract = project.model.contract_under(&project.rules);
    let behaviour = crate::learner::mine(&journal, &contract);
    let source = Source { contract: &contract, behaviour: &behaviour, title: title(file), base_url };
    learned(&source, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_export() {
        let (contract, behaviour) = Default::default();
        let source = Source { contract: &contract, behaviour: &behaviour, title: "empty", base_url: "http://x" };
        for name in NAMES.into_iter().filter(|name| *name != "har") {
            let made = learned(&source, name).unwrap_or_else(|| panic!("{name} is missing"));
            assert!(!made.unwrap().text.is_empty(), "{name}");
        }
        assert_eq!(learned(&source, "fax"), None);
        assert_eq!(Format::ALL.len() + 2, NAMES.len());
    }
}
