//! What an OpenAPI document has to be like before it is read: objects and lists where they belong, references that lead somewhere.
//! Whoever reads it afterwards takes what it finds.

use serde_json::Value;

use super::ImportError;
use super::cursor::Cursor;
use super::openapi::METHODS;
use super::shape::Document;

/// Below these there is data, not a document.
const DATA: [&str; 6] = ["const", "default", "enum", "example", "examples", "value"];

pub(super) fn check(document: &Value) -> Result<(), ImportError> {
    let root = Cursor::root(document);
    references(&root, Document(document))?;
    for (_, item) in root.members_of("paths")? {
        let shared = item.items_of("parameters")?;
        for (name, operation) in item.members()? {
            if METHODS.contains(&name) {
                check_operation(&operation, &shared, Document(document))?;
            }
        }
    }
    Ok(())
}

fn check_operation(operation: &Cursor<'_>, shared: &[Cursor<'_>], all: Document<'_>) -> Result<(), ImportError> {
    operation.members()?;
    for parameter in operation.items_of("parameters")?.iter().chain(shared) {
        let resolved = Cursor::at(all.resolve(parameter.value), parameter.place());
        resolved.need("name", "a text")?.text()?;
        resolved.need("in", "a text")?.text()?;
    }
    if let Some(body) = operation.get("requestBody") {
        check_content(&body, all)?;
    }
    for (status, response) in operation.members_of("responses")? {
        if !is_status(status) {
            return Err(response.misnamed("a status from 100 to 599, a range such as 4XX, or default"));
        }
        if !status.starts_with("x-") {
            check_content(&response, all)?;
        }
    }
    Ok(())
}

fn check_content(holder: &Cursor<'_>, all: Document<'_>) -> Result<(), ImportError> {
    holder.members()?;
    let resolved = Cursor::at(all.resolve(holder.value), holder.place());
    for (_, media) in resolved.members_of("content")? {
        media.members()?;
    }
    Ok(())
}

fn is_status(name: &str) -> bool {
    let number = || name.parse().is_ok_and(|status: u16| (100..600).contains(&status));
    let range = || matches!(name.as_bytes(), [b'1'..=b'5', b'X' | b'x', b'X' | b'x']);
    name == "default" || name.starts_with("x-") || number() || range()
}

/// Every reference into the document itself leads somewhere. Others are not followed.
fn references(at: &Cursor<'_>, all: Document<'_>) -> Result<(), ImportError> {
    match at.value {
        Value::Array(_) => at.items()?.iter().try_for_each(|item| references(item, all)),
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            if reference.is_some_and(|reference| reference.starts_with('#') && all.target(reference).is_none()) {
                return Err(at.need("$ref", "a text")?.wrong("a reference to a part of this document"));
            }
            let members = at.members()?.into_iter().filter(|(name, _)| !DATA.contains(name));
            members.map(|(_, member)| member).try_for_each(|member| references(&member, all))
        }
        _ => Ok(()),
    }
}
