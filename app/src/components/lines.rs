//! Rows of exchanges. There may be fifty new ones at once, eight times a second: they are written as markup, and the page
//! lays the newer rows over the older ones.

use std::fmt::Write;

use leptos::html;
use leptos::prelude::*;
use understudy_types::{Source, TrafficRow};

use super::glyph::{shape_of, source_class, source_hint, source_word};
use super::traffic::status_class;
use crate::format;

/// Columns that not every list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// With the endpoint and the reason.
    Deck,
    /// With a place to pin it.
    Traffic,
}

/// What a row says beside its exchange.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    pub row: &'a TrafficRow,
    pub open: String,
    /// Where pinning leads to, and whether it is pinned.
    pub pin: Option<(String, bool)>,
    pub is_open: bool,
    pub now_ms: u64,
}

/// Rows of a table; `html` is made of [`line`].
#[component]
pub fn Lines(html: Memo<String>, #[prop(optional)] class: &'static str) -> impl IntoView {
    let body = NodeRef::<html::Tbody>::new();
    Effect::new(move |before: Option<()>| {
        let html = html.get();
        // The first ones came with the page.
        if before.is_some() {
            show(body, &html);
        }
    });
    view! { <tbody class=class node_ref=body inner_html=html.get_untracked()></tbody> }.into_any()
}

#[cfg(feature = "hydrate")]
fn show(body: NodeRef<html::Tbody>, html: &str) {
    if let Some(body) = body.get_untracked() {
        crate::morph::show(&body, html);
    }
}

#[cfg(not(feature = "hydrate"))]
fn show(_: NodeRef<html::Tbody>, _: &str) {}

/// One row. What was recorded comes into it by [`escaped`] alone.
pub fn line(html: &mut String, line: &Line<'_>, columns: Columns) {
    let Line { row, open, pin, is_open, now_ms } = line;
    let (who, opened) = (source_class(row.source), if *is_open { " row-open" } else { "" });
    let path = if columns == Columns::Deck { "target" } else { "target stream-path" };
    let (method, target, reason) = (escaped(&row.method), escaped(&row.target), escaped(&row.reason));
    // Writing to a string does not fail.
    let _ =
        write!(html, "<tr class=\"row {who}{opened}\" data-id=\"{0}\" data-key=\"{0}\" title=\"{reason}\">", row.id);
    let mut cell = |class: &str, title: &str, content: &str| {
        let _ = match title {
            "" => write!(html, "<td class=\"{class}\">{content}</td>"),
            title => write!(html, "<td class=\"{class}\" title=\"{title}\">{content}</td>"),
        };
    };
    cell("", "", &mark(row.source));
    cell("method", "", &method);
    cell(path, &target, &format!("<a href=\"{}\" data-noscroll>{target}</a>", escaped(open)));
    if columns == Columns::Deck {
        cell("wide", "", &template(row.template.as_deref()));
    }
    cell("", "", &format!("<span class=\"{}\">{}</span>", status_class(row.status), row.status));
    cell("number", &format!("{} µs", format::exact(row.duration_us)), &format::duration_us(row.duration_us));
    cell("number wide", &format!("{} bytes", format::exact(row.bytes)), &format::bytes(row.bytes));
    cell("wide when", &format::timestamp(row.at_ms), &format::ago(row.at_ms, *now_ms));
    if columns == Columns::Deck {
        cell("wider reason", &reason, &reason);
    }
    if let Some((href, is_pinned)) = pin {
        let (class, word) = if *is_pinned { ("pin pinned", "unpin") } else { ("pin", "pin") };
        let label = format!("<span class=\"hidden\"> {method} {target}</span>");
        cell(
            "stream-pin",
            "",
            &format!("<a class=\"{class}\" href=\"{}\" data-noscroll>{word}{label}</a>", escaped(href)),
        );
    }
    html.push_str("</tr>");
}

fn mark(source: Source) -> String {
    let (class, hint, word) = (source_class(source), source_hint(source), source_word(source));
    let shape = shape_of(source);
    format!(
        "<span class=\"source {class}\" title=\"{hint}\"><svg class=\"glyph\" viewBox=\"0 0 10 10\" width=\"10\" height=\"10\" \
         aria-hidden=\"true\"><path d=\"{shape}\" fill=\"currentColor\" fill-rule=\"evenodd\"></path></svg>\
         <span class=\"source-word\">{word}</span></span>"
    )
}

/// As chips; how a parameter is typed is not said in a row.
fn template(template: Option<&str>) -> String {
    let Some(template) = template else { return String::new() };
    let mut html = String::from("<span class=\"template\">");
    for part in template.split('/').skip(1) {
        let parameter = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let (class, text) = parameter.map_or(("literal", part), |name| ("parameter", name));
        let _ = write!(html, "<span class=\"slash\">/</span><span class=\"{class}\">{}</span>", escaped(text));
    }
    html + "</span>"
}

/// Text as markup, also within quotation marks.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_text() {
        let row = TrafficRow {
            id: 7,
            at_ms: 0,
            method: "GET<".into(),
            target: "/\"><script>'&".into(),
            template: Some("/a<b/{x\"}".into()),
            status: 200,
            duration_us: 1,
            bytes: 2,
            source: Source::Twin,
            reason: "\" onload=\"x".into(),
        };
        let mut html = String::from("<tr></tr>");
        let pin = Some(("/?q=\"".to_owned(), true));
        line(&mut html, &Line { row: &row, open: "/?a=\"&b".into(), pin, is_open: true, now_ms: 5 }, Columns::Deck);
        assert!(html.starts_with("<tr></tr><tr class=\"row twin row-open\" data-id=\"7\""), "{html}");
        for hostile in ["<script", "GET<", "\"><script", "&<", "\" onload=\"x", "a<b", "x\"}"] {
            assert!(!html.contains(hostile), "{hostile} in {html}");
        }
        assert_eq!(escaped("<'\"&>"), "&lt;&#39;&quot;&amp;&gt;");
    }
}
