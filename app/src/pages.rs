//! One file per screen.

pub mod deck;
pub mod drift;
pub mod explorer;
pub mod lost;
pub mod plugins;

pub use deck::Deck;
pub use drift::{AlertPage, Drift, NoAlertOpen};
pub use explorer::{EndpointPage, Explorer, NothingOpen};
pub use lost::Lost;
pub use plugins::Plugins;
