//! Subject of a target: there may be only one target for each.

use super::{Dimension, Target};

impl Target {
    /// Returns the subject: owner, figure and period.
    pub(super) fn subject(&self) -> impl PartialEq + use<> {
        (
            (self.owner_type, self.owner_id, self.channel.clone()),
            (self.metric, self.level, self.dimension, self.dimension_value.clone()),
            (self.period_type, self.period_start, self.period_end),
        )
    }

    /// Returns the subject as a text.
    pub(super) fn subject_text(&self) -> String {
        let owner = self.owner_id.map(|id| id.to_string()).unwrap_or_default();
        [
            self.owner_type.as_str(),
            &owner,
            self.channel.as_deref().unwrap_or_default(),
            self.metric.as_str(),
            self.level.as_str(),
            self.dimension.map(Dimension::as_str).unwrap_or_default(),
            self.dimension_value.as_deref().unwrap_or_default(),
            self.period_type.as_str(),
            &self.period_start.to_string(),
            &self.period_end.to_string(),
        ]
        .join("\n")
    }
}
