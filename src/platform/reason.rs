//! The body of actions that need nothing but a reason.

use serde::Deserialize;
use utoipa::ToSchema;

/// The reason for an action
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct Reason {
    #[schema(min_length = 1, max_length = 500, example = "客户临时有会")]
    pub reason: String,
}
