//! The entity map: collections as nodes, references as edges, found from traffic.

use leptos::prelude::*;
use understudy_types::{EndpointSummary, Segment, TwinCollection, TwinLink};

use crate::address::encode;
use crate::format;
use crate::parts::Desk;

/// More than this is no picture any more.
const NODES: usize = 24;
const NODE: (f64, f64) = (128.0, 36.0);

pub(super) fn map(desk: &Desk) -> Option<AnyView> {
    let collections: Vec<TwinCollection> = desk.backend.twin_state().collections.into_iter().take(NODES).collect();
    if collections.len() < 2 {
        return None;
    }
    let links = desk.backend.links();
    let size = size(collections.len());
    let place = |name: &str| {
        let at = collections.iter().position(|known| known.name == name)?;
        Some(around(at, collections.len(), size))
    };
    let edges: Vec<_> =
        links.iter().filter_map(|link| Some(edge(link, place(&link.from)?, place(&link.to)?))).collect();
    let nodes: Vec<_> =
        collections.iter().enumerate().map(|(at, known)| node(known, around(at, collections.len(), size))).collect();
    let words: Vec<String> =
        links.iter().map(|link| format!("{} by {} to {}", link.from, link.field, link.to)).collect();
    let label = if words.is_empty() { "No collection names another".to_owned() } else { words.join("; ") };
    Some(
        view! {
            <section class="panel map" aria-labelledby="map-title">
                <h2 id="map-title">"How things hang together"</h2>
                <p class="body-note">"Collections that the twin found, and the fields by which their rows name each other."</p>
                <div class="map-scroll" tabindex="0" role="region" aria-label="Map"><svg class="map-picture" viewBox=format!("0 0 {} {}", size.0, size.1) width=size.0.to_string() height=size.1.to_string() role="group" aria-label=label>
                    <defs>
                        <marker id="map-arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse">
                            <path d="M0 0L8 4L0 8z"></path>
                        </marker>
                    </defs>
                    {edges}
                    {nodes}
                </svg></div>
            </section>
        }
        .into_any(),
    )
}

/// What the rows behind an endpoint name, and what names them.
pub(super) fn kin(desk: &Desk, endpoint: &EndpointSummary) -> Option<AnyView> {
    let own = collection(&endpoint.segments)?;
    let links: Vec<TwinLink> =
        desk.backend.links().into_iter().filter(|link| link.from == own || link.to == own).collect();
    let place = |name: &str| {
        let href = format!("/admin/explorer?q={}", encode(name));
        view! { <a href=href>{name.to_owned()}</a> }
    };
    let row = |link: &TwinLink| view! { <li>{place(&link.from)} " by " <code>{link.field.clone()}</code> " → " {place(&link.to)}</li> };
    let rows = links.iter().map(row).collect::<Vec<_>>();
    let list = || view! { <div class="kin"><h3>"Hangs together with"</h3><ul>{rows}</ul></div> }.into_any();
    (!links.is_empty()).then(list)
}

/// The last literal segment is what the rows are called.
fn collection(segments: &[Segment]) -> Option<&str> {
    segments.iter().rev().find_map(|segment| match segment {
        Segment::Literal(text) => Some(text.as_str()),
        Segment::Parameter { .. } => None,
    })
}

/// Two stand side by side, more on an ellipse that grows with them.
fn size(nodes: usize) -> (f64, f64) {
    let nodes = nodes as f64;
    let height = if nodes < 3.0 { NODE.1 + 24.0 } else { (nodes * 26.0).clamp(160.0, 480.0) };
    ((nodes * 120.0).clamp(460.0, 880.0), height)
}

/// The first stands at the left.
fn around(at: usize, of: usize, (width, height): (f64, f64)) -> (f64, f64) {
    let angle = std::f64::consts::TAU * at as f64 / of as f64 + std::f64::consts::PI;
    let (wide, high) = ((width - NODE.0) / 2.0 - 4.0, (height - NODE.1) / 2.0 - 4.0);
    (width / 2.0 + wide * angle.cos(), height / 2.0 + high * angle.sin())
}

fn node(known: &TwinCollection, (x, y): (f64, f64)) -> AnyView {
    let href = format!("/admin/twin?collection={}", encode(&known.name));
    let rows = format!("{} rows", format::count(known.rows as u64));
    let (left, top) = (x - NODE.0 / 2.0, y - NODE.1 / 2.0);
    view! {
        <a href=href class="map-node">
            <rect x=format!("{left:.1}") y=format!("{top:.1}") width=NODE.0.to_string() height=NODE.1.to_string() rx="6"></rect>
            <text x=format!("{x:.1}") y=format!("{:.1}", y - 2.0)>{known.name.clone()}</text>
            <text class="map-rows" x=format!("{x:.1}") y=format!("{:.1}", y + 12.0)>{rows}</text>
        </a>
    }
    .into_any()
}

fn edge(link: &TwinLink, from: (f64, f64), to: (f64, f64)) -> AnyView {
    let (start, end) = (border(from, to), border(to, from));
    let middle = ((start.0 + end.0) / 2.0, (start.1 + end.1) / 2.0);
    view! {
        <g class="map-edge">
            <path d=format!("M{:.1} {:.1}L{:.1} {:.1}", start.0, start.1, end.0, end.1) marker-end="url(#map-arrow)"></path>
            <text x=format!("{:.1}", middle.0) y=format!("{:.1}", middle.1 - 4.0)>{link.field.clone()}</text>
        </g>
    }
    .into_any()
}

/// Where the line from one node's middle to another's leaves the node.
fn border((x, y): (f64, f64), (toward_x, toward_y): (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (toward_x - x, toward_y - y);
    let reach = ((NODE.0 / 2.0 + 2.0) / dx.abs().max(1e-6)).min((NODE.1 / 2.0 + 2.0) / dy.abs().max(1e-6)).min(1.0);
    (x + dx * reach, y + dy * reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_leaves_a_node_at_its_border() {
        let (x, y) = border((0.0, 0.0), (400.0, 0.0));
        assert!((x - 66.0).abs() < 1e-6 && y.abs() < 1e-6);
        let (x, y) = border((0.0, 0.0), (0.0, -400.0));
        assert!(x.abs() < 1e-6 && (y + 20.0).abs() < 1e-6);
    }
}
