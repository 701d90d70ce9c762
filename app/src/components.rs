//! What several screens share, a file per component.

pub mod chart;
pub mod copyable;
pub mod frame;
pub mod glyph;
#[cfg(feature = "ssr")]
pub mod json;
pub mod keys;
pub mod lines;
pub mod meter_bar;
#[cfg(feature = "ssr")]
pub mod mode_switch;
pub mod part_view;
#[cfg(feature = "ssr")]
pub mod schema_tree;
pub mod template;
pub mod theme;
#[cfg(feature = "ssr")]
pub(crate) mod top;
pub mod traffic;
#[cfg(feature = "ssr")]
pub mod upstream;
pub mod when;

pub use chart::{Chart, TimesChart};
pub use copyable::Copyable;
pub use frame::Frame;
pub use glyph::{Glyph, SourceMark, source_class, source_word};
#[cfg(feature = "ssr")]
pub use json::BodyText;
pub use keys::Keys;
pub use meter_bar::ShareBar;
#[cfg(feature = "ssr")]
pub use mode_switch::ModeSwitch;
pub use part_view::PartView;
#[cfg(feature = "ssr")]
pub use schema_tree::{BodyView, SchemaTree, Spreads};
pub use template::{Template, segments_of};
pub use theme::{RAIL_COOKIE, RailToggle, THEME_COOKIE, ThemeToggle};
pub use traffic::{FeedState, StatusMark, TrafficTable};
#[cfg(feature = "ssr")]
pub use upstream::HealthDot;
pub use when::When;
