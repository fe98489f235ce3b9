//! Intake of what callers and other systems send: references to other rows, and the import of
//! batches. A batch may come again and in any order: `source_items` remembers what a source sent
//! last, and items whose references are missing are parked.

mod arrive;
mod body;
pub mod external_id;
pub mod hooks;
mod import;
mod imported;
pub mod names;
pub mod parameters;
mod record;
pub mod reference;
pub mod source_item;
mod unique;
mod waiting;

pub use body::{Body, as_id};
pub use import::{again, import};
pub use imported::{Arrival, Draft, Imported, Keys, Unique};
pub use reference::{HasReferences, Reference};
