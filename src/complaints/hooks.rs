//! Functions of complaints for other domains, and hooks that run when other domains change. The app
//! wires them once, before it serves requests.

pub use crate::complaint::{calendar_changed, check_deadlines, customer_merged, is_visible};
