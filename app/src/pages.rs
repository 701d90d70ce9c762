//! One file per screen.

pub mod deck;
pub mod docs;
pub mod drift;
pub mod explorer;
pub mod lost;
pub mod plugins;
pub mod settings;
pub mod traffic;
pub mod twin;

pub use deck::Deck;
pub use docs::Docs;
pub use drift::{AlertPage, Drift, NoAlertOpen};
pub use explorer::{EndpointPage, Explorer, NothingOpen};
pub use lost::Lost;
pub use plugins::Plugins;
pub use settings::Settings;
pub use traffic::Traffic;
pub use twin::Twin;
