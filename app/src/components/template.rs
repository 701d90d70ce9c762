//! Path templates as chips: literal segments in ink, parameters with their type. The same everywhere.

use leptos::prelude::*;
use understudy_types::Segment;

/// The first `shared` segments are those of the line above.
#[component]
pub fn Template(segments: Vec<Segment>, #[prop(optional)] shared: usize) -> impl IntoView {
    let is_root = segments.is_empty();
    view! {
        <span class="template">
            {is_root.then(|| view! { <span class="slash">"/"</span> })}
            {segments
                .into_iter()
                .enumerate()
                .map(|(at, segment)| view! { <span class="slash">"/"</span> {segment_view(segment, at < shared)} })
                .collect_view()}
        </span>
    }
}

fn segment_view(segment: Segment, is_shared: bool) -> impl IntoView {
    match segment {
        Segment::Literal(text) => {
            view! { <span class=if is_shared { "literal shared" } else { "literal" }>{text}</span> }.into_any()
        }
        Segment::Parameter { name, kind } => view! {
            <span class=if is_shared { "parameter shared" } else { "parameter" }>
                {name}
                {(!kind.is_empty()).then(|| view! { <span class="parameter-kind">": " {kind}</span> })}
            </span>
        }
        .into_any(),
    }
}

/// The segments of a template as it is written; how a parameter is typed is not said there.
#[must_use]
pub fn segments_of(template: &str) -> Vec<Segment> {
    let parts = template.strip_prefix('/').unwrap_or(template).split('/');
    parts.filter(|part| !part.is_empty()).map(segment_of).collect()
}

fn segment_of(part: &str) -> Segment {
    match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => Segment::Parameter { name: name.into(), kind: String::new() },
        None => Segment::Literal(part.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_read_segment_by_segment() {
        let literal = |text: &str| Segment::Literal(text.into());
        let parameter = |name: &str| Segment::Parameter { name: name.into(), kind: String::new() };
        assert_eq!(segments_of("/users/{userId}/posts"), [literal("users"), parameter("userId"), literal("posts")]);
        assert_eq!(segments_of("/"), []);
    }
}
