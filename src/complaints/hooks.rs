//! What other domains are told of complaints, and what happens to complaints when something
//! happens elsewhere. The app wires this once, before it serves.

pub use crate::complaint::{calendar_changed, check_deadlines, customer_merged, is_visible};
