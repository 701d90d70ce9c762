//! Projects: what there is, which one is active, and what can be done with each. Plain forms, but for downloads.

mod acts;

use leptos::prelude::*;
use understudy_types::{ErrorDetail, Project};

use crate::address::encode;
use crate::components::When;
use crate::format;
use crate::parts::{Desk, Drawn};
use crate::standing::{mode_label, mode_word};

pub(crate) async fn draw(desk: &Desk) -> Drawn {
    let list = match desk.backend.projects().await {
        Ok(projects) => projects.into_iter().map(|project| row(project, desk.now_ms)).collect_view().into_any(),
        Err(ErrorDetail { message, .. }) => view! { <p class="failure" role="alert">{message}</p> }.into_any(),
    };
    let view = view! {
        <section class="settings projects" aria-labelledby="projects-title">
            <h1 id="projects-title">"Projects"</h1>
            <p class="body-note">"A project is one file: what was learned of an API, its twin, its rules and settings. Requests belong to the project that is active when they arrive; switching loses none."</p>
            {list}
            {create()}
            {import()}
        </section>
    };
    Drawn::new("Projects", view.into_any())
}

/// Without its ending, where that is the usual one.
fn stem(name: &str) -> String {
    name.strip_suffix(".db").unwrap_or(name).to_owned()
}

fn row(project: Project, now_ms: u64) -> AnyView {
    let Project { name, active, open, mode, target, bytes, changed_ms, problem } = project;
    let title = stem(&name);
    let id = format!("project-{name}");
    let labelled_by = id.clone();
    let state = match (active, open) {
        (true, _) => Some("active"),
        (false, true) => Some("finishes what it began"),
        (false, false) => None,
    };
    let facts = match &problem {
        Some(problem) => view! { <p class="failure">"It cannot be opened: "{problem.clone()}</p> }.into_any(),
        None => view! {
            <p class="project-facts">
                <span class=format!("mode-{}", mode_word(mode))>{mode_label(mode)}</span>
                <code>{target.clone().unwrap_or_else(|| "no API of its own".into())}</code>
                <span class="when">{format::bytes(bytes)}", changed "<When at_ms=changed_ms now_ms/></span>
            </p>
        }
        .into_any(),
    };
    let is_usable = problem.is_none();
    view! {
        <section class="panel project-row" data-key=name.clone() data-active=active.to_string() aria-labelledby=labelled_by>
            <div class="project-head">
                <h2 id=id>{title.clone()}</h2>
                {state.map(|state| view! { <span class="project-state">{state}</span> })}
                {(!active && is_usable).then(|| activate(&name, &title))}
            </div>
            {facts}
            {is_usable.then(|| changes(&name, &title, target))}
            {(!active).then(|| remove(&name, &title))}
        </section>
    }
    .into_any()
}

fn activate(name: &str, title: &str) -> AnyView {
    view! {
        <form method="post" action="/admin/fn/activate-project">
            <input type="hidden" name="name" value=name.to_owned()/>
            <button type="submit" class="choice" aria-label=format!("Switch to {title}")>"Switch to it"</button>
        </form>
    }
    .into_any()
}

fn changes(name: &str, title: &str, target: Option<String>) -> AnyView {
    let hidden = || view! { <input type="hidden" name="name" value=name.to_owned()/> };
    let file = format!("/admin/projects/{}/export", encode(name));
    view! {
        <details class="project-more">
            <summary>"Change, copy, export"</summary>
            <form method="post" action="/admin/fn/set-target" class="settings-form">
                {hidden()}
                <label class="settings-wide">"The API behind it" <input type="url" name="target" required aria-label=format!("The API behind {title}") placeholder="http://localhost:3000" value=target/></label>
                <button type="submit" class="choice" aria-label=format!("Save the API of {title}")>"Save"</button>
            </form>
            <form method="post" action="/admin/fn/rename-project" class="settings-form">
                {hidden()}
                <label class="settings-wide">"Another name" <input type="text" name="to" required maxlength="100" aria-label=format!("Another name for {title}")/></label>
                <button type="submit" class="choice" aria-label=format!("Rename {title}")>"Rename"</button>
            </form>
            <form method="post" action="/admin/fn/copy-project" class="settings-form">
                {hidden()}
                <label class="settings-wide">"Name of a copy" <input type="text" name="to" required maxlength="100" aria-label=format!("Name of a copy of {title}")/></label>
                <button type="submit" class="choice" aria-label=format!("Copy {title}")>"Copy"</button>
            </form>
            <p><a class="choice" href=file download=format!("{title}.db") rel="external" aria-label=format!("Export {title}")>"Export as one file"</a></p>
        </details>
    }
    .into_any()
}

/// What cannot be undone takes more than a click.
fn remove(name: &str, title: &str) -> AnyView {
    view! {
        <details class="project-more">
            <summary>"Delete"</summary>
            <form method="post" action="/admin/fn/delete-project" class="settings-form">
                <input type="hidden" name="name" value=name.to_owned()/>
                <label class="settings-wide">{format!("Type “{title}” to delete it for good")} <input type="text" name="typed" required autocomplete="off" aria-label=format!("Type {title} to delete it")/></label>
                <button type="submit" class="choice" aria-label=format!("Delete {title}")>"Delete"</button>
            </form>
        </details>
    }
    .into_any()
}

fn create() -> AnyView {
    view! {
        <section class="panel" aria-labelledby="projects-new">
            <h2 id="projects-new">"A new project"</h2>
            <form method="post" action="/admin/fn/create-project" class="settings-form">
                <label class="settings-wide">"Name" <input type="text" name="name" required maxlength="100" placeholder="shop"/></label>
                <label class="settings-wide">"The API behind it" <input type="url" name="target" placeholder="as the active one"/></label>
                <button type="submit" class="choice">"Create"</button>
            </form>
        </section>
    }
    .into_any()
}

fn import() -> AnyView {
    view! {
        <section class="panel" aria-labelledby="projects-import">
            <h2 id="projects-import">"From a file"</h2>
            <p class="body-note">"A project that was exported, here or elsewhere. A file that is damaged or not one of ours changes nothing."</p>
            <form method="post" action="/admin/projects/import" enctype="multipart/form-data" class="settings-form">
                <label class="settings-wide">"Name of the project" <input type="text" name="name" required maxlength="100"/></label>
                <label class="settings-wide">"File" <input type="file" name="file" required/></label>
                <button type="submit" class="choice">"Import"</button>
            </form>
        </section>
    }
    .into_any()
}
