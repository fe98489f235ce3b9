//! Masking of gross margins 毛利. Margin and amount together reveal the cost of a product, so that
//! a margin is masked like `standard_cost`.

use access::Caller;
use platform::changes::HistoryPage;
use platform::{Error, Fault, Result};
use products::ReadCosts;
use serde_json::{Value, json};

use super::{Metric, Target};

/// Fields of a margin target that only holders of `ReadCosts` see.
const MARGINS: &[&str] = &["closed_actual"];

impl Metric {
    /// Returns whether this caller may see figures of the metric.
    pub fn is_shown_to(self, caller: &Caller) -> bool {
        self != Self::GrossMargin || caller.may::<ReadCosts>()
    }
}

impl Target {
    /// Refuses a metric whose actual the caller may not see.
    pub(super) fn check_metric(&self, caller: &Caller) -> Result<()> {
        if self.metric.is_shown_to(caller) {
            return Ok(());
        }
        let why = "only visible to users who may see costs";
        let fault = Fault::new("/metric", "forbidden_field", why);
        let detail = "Gross margins are visible only to users who may see costs.";
        Err(Error::forbidden_because("forbidden_field", detail).faults(vec![fault]))
    }

    /// Returns the target as this caller may see it.
    pub(super) fn shown_to(self, caller: &Caller) -> Self {
        if self.metric.is_shown_to(caller) {
            return self;
        }
        let masked_fields = MARGINS.iter().map(|name| (*name).to_owned()).collect();
        Self { closed_actual: None, masked_fields, ..self }
    }

    /// Returns the target's history as this caller may see it.
    pub(super) fn shown_history(&self, caller: &Caller, history: HistoryPage) -> HistoryPage {
        if self.metric.is_shown_to(caller) { history } else { history.without(MARGINS) }
    }
}

/// Returns the recorded state of a target as this reader may see it, for the change feed.
pub fn shown(caller: &Caller, mut data: Value) -> Value {
    if data["metric"] == Metric::GrossMargin.as_str() && !caller.may::<ReadCosts>() {
        data["closed_actual"] = Value::Null;
        data["masked_fields"] = json!(MARGINS);
    }
    data
}

#[cfg(test)]
mod tests {
    use access::{Person, Role};
    use platform::{Money, Timestamp};
    use uuid::Uuid;

    use super::*;

    fn caller(role: Role) -> Caller {
        let (id, reach, teams) = (Uuid::nil(), vec![], vec![]);
        Caller::of(Person {
            id,
            roles: vec![role],
            machine: false,
            source_system: None,
            reach,
            teams,
        })
    }

    #[test]
    fn a_margin_is_masked_like_the_cost() {
        let blank = Target::blank(Uuid::nil(), Uuid::nil(), Timestamp::default());
        let closed = Target { closed_actual: Some(Money(7.into())), ..blank };
        let margin = Target { metric: Metric::GrossMargin, ..closed.clone() };

        let shown = |target: &Target, role| {
            let shown = target.clone().shown_to(&caller(role));
            (shown.closed_actual.is_some(), shown.masked_fields.len())
        };
        let recorded = |target: &Target, role| {
            let data = serde_json::to_value(target).unwrap();
            super::shown(&caller(role), data)["closed_actual"] != Value::Null
        };

        assert_eq!(shown(&margin, Role::SalesManager), (true, 0));
        assert_eq!(shown(&margin, Role::Salesperson), (false, 1));
        assert_eq!(shown(&closed, Role::Salesperson), (true, 0), "of an amount");
        assert!(recorded(&margin, Role::Finance) && recorded(&closed, Role::Salesperson));
        assert!(!recorded(&margin, Role::Salesperson));
        assert!(margin.check_metric(&caller(Role::Salesperson)).is_err());
        assert!(margin.check_metric(&caller(Role::BackOffice)).is_ok());
    }
}
