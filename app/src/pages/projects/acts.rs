//! What the forms of the projects screen do.

use leptos::prelude::*;

use super::stem;
use crate::backend::{ProjectChange, backend};
use crate::parts::refused;

async fn change(change: ProjectChange) -> Result<(), ServerFnError> {
    backend()?.change_project(change).await.map_err(refused)
}

/// The page is loaded anew once it hears of it: nothing on it belongs to the other project.
#[server(prefix = "/admin/fn", endpoint = "activate-project")]
pub(super) async fn activate_project(name: String) -> Result<(), ServerFnError> {
    change(ProjectChange::Activate(name)).await
}

/// Without a target it is that of the active project.
#[server(prefix = "/admin/fn", endpoint = "create-project")]
pub(super) async fn create_project(name: String, target: String) -> Result<(), ServerFnError> {
    let target = Some(target).filter(|target| !target.trim().is_empty());
    change(ProjectChange::Create { name, target }).await
}

#[server(prefix = "/admin/fn", endpoint = "set-target")]
pub(super) async fn set_target(name: String, target: String) -> Result<(), ServerFnError> {
    change(ProjectChange::Target { name, target }).await
}

#[server(prefix = "/admin/fn", endpoint = "rename-project")]
pub(super) async fn rename_project(name: String, to: String) -> Result<(), ServerFnError> {
    change(ProjectChange::Rename { name, to }).await
}

#[server(prefix = "/admin/fn", endpoint = "copy-project")]
pub(super) async fn copy_project(name: String, to: String) -> Result<(), ServerFnError> {
    change(ProjectChange::Copy { name, to }).await
}

#[server(prefix = "/admin/fn", endpoint = "delete-project")]
pub(super) async fn delete_project(name: String, typed: String) -> Result<(), ServerFnError> {
    if typed.trim() != name && typed.trim() != stem(&name) {
        return Err(ServerFnError::new(format!(
            "what was typed is {typed:?}: expected {:?}, so nothing was deleted",
            stem(&name)
        )));
    }
    change(ProjectChange::Remove(name)).await
}
