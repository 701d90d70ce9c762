//! One file per screen. What a screen shows comes in parts that the server draws (`parts`), but for what is live.

#[cfg(feature = "ssr")]
mod chaos;
pub mod deck;
pub mod docs;
pub mod drift;
pub mod explorer;
pub mod lost;
#[cfg(feature = "ssr")]
mod plugins;
#[cfg(feature = "ssr")]
mod projects;
#[cfg(feature = "ssr")]
mod settings;
pub mod single;
pub mod traffic;
pub mod twin;

pub use deck::Deck;
pub use docs::Docs;
pub use drift::Drift;
pub use explorer::Explorer;
pub use lost::Lost;
pub use single::{Chaos, Plugins, Projects, Settings};
pub use traffic::Traffic;
pub use twin::Twin;

#[cfg(feature = "ssr")]
pub(crate) use server::draw;

#[cfg(feature = "ssr")]
mod server {
    use leptos::prelude::*;

    use super::{chaos, deck, docs, drift, explorer, plugins, projects, settings, traffic, twin};
    use crate::parts::{Desk, Drawn, Part};

    /// Longer than any id, filter or name of ours.
    const MAX_BYTES: usize = 1024;

    pub(crate) async fn draw(part: Part) -> Result<Drawn, ServerFnError> {
        let desk = Desk::open()?;
        Ok(match part {
            Part::Top => crate::components::top::draw(&desk),
            Part::Deck => deck::board::draw(&desk),
            Part::Endpoints { filter, open } => explorer::list::draw(&desk, short(&filter)?, &open),
            Part::Endpoint { id, wish } => explorer::detail::draw(&desk, short(&id)?, &wish).await,
            Part::Alerts { all, open, since } => drift::list::draw(&desk, all, &open, short(&since)?),
            Part::Alert { id } => drift::detail::draw(&desk, &id),
            Part::Exchange { id } => traffic::detail::draw(&desk, id).await,
            Part::Twin { collection, after } => twin::board::draw(&desk, short(&collection)?, short(&after)?).await?,
            Part::Docs { source, version } => docs::board::draw(&desk, &source, &version),
            Part::Plugins => plugins::draw(&desk),
            Part::Chaos => chaos::draw(&desk),
            Part::Projects => projects::draw(&desk).await,
            Part::Settings => settings::draw(&desk),
            Part::Redacted { text } => settings::redacted(&desk, text)?,
            Part::Difference { twin, api } => traffic::difference::draw(&twin, &api),
        })
    }

    fn short(text: &str) -> Result<&str, ServerFnError> {
        let is_short = text.len() <= MAX_BYTES;
        is_short
            .then_some(text)
            .ok_or_else(|| ServerFnError::new(format!("an id or a filter has at most {MAX_BYTES} bytes")))
    }
}
