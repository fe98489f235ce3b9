//! Functions with which complaints serve other domains.

pub use crate::complaint::{
    calendar_changed, check_deadlines, complained_on, customer_merged, is_visible,
};
