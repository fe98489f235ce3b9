//! The status changes of an investigation, and the effects of its conclusion.

use access::{Caller, Role};
use jiff::ToSpan;
use platform::{Date, Error, Fault, Money, Result};
use rust_decimal::Decimal;

use super::{CreditInvestigation, InvestigationFindings, InvestigationStatus};

/// The lowest score for which a conclusion is valid for a whole year.
const GOOD: i16 = 60;

/// An action on an investigation. Expiry is an action of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvestigationAction {
    Start,
    Conclude,
    Expire,
}

/// An action of a person, with its request.
pub enum Step<'a> {
    Start,
    Conclude(&'a InvestigationFindings),
}

impl Step<'_> {
    pub(super) fn action(&self) -> InvestigationAction {
        match self {
            Self::Start => InvestigationAction::Start,
            Self::Conclude(_) => InvestigationAction::Conclude,
        }
    }
}

impl InvestigationStatus {
    /// Returns the status after an action: requested → investigating → concluded → expired.
    pub fn after(self, action: InvestigationAction) -> Result<Self> {
        use InvestigationAction::{Conclude, Expire, Start};
        match (self, action) {
            (Self::Requested, Start) => Ok(Self::Investigating),
            (Self::Investigating, Conclude) => Ok(Self::Concluded),
            (Self::Concluded, Expire) => Ok(Self::Expired),
            _ => {
                let detail = "The investigation is `{}`, which does not allow this action.";
                Err(Error::wrong_status(self.as_str(), detail))
            }
        }
    }
}

impl CreditInvestigation {
    /// Checks that the caller may do this: owners of a customer do not conclude its investigation.
    pub(super) fn check_hand(&self, caller: &Caller, action: InvestigationAction) -> Result<()> {
        let own = self.customer_owner_id == Some(caller.id());
        if own && action == InvestigationAction::Conclude {
            let detail = "You cannot conclude the investigation of your own customer. Another user \
                must conclude it.";
            return Err(Error::forbidden_because("self_approval", detail));
        }
        Ok(())
    }

    pub(super) fn conclude(&mut self, found: &InvestigationFindings, today: Date) -> Result<()> {
        let mut faults = vec![];
        for (index, source) in found.sources.iter().enumerate() {
            if source.is_empty() || source.chars().count() > 300 {
                let at = format!("/sources/{index}");
                faults.push(Fault::new(at, "range", "1 to 300 characters"));
            }
        }

        let amounts = [
            ("/registered_capital", found.registered_capital.unwrap_or_default()),
            ("/recommended_limit", found.recommended_limit),
        ];
        for (at, amount) in amounts {
            if amount < Money::ZERO {
                faults.push(Fault::new(at, "range", "0 or more"));
            }
            faults.extend(amount.digits_fault(at, None));
        }
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }

        self.sources.clone_from(&found.sources);
        self.registered_capital = found.registered_capital;
        self.lawsuits.clone_from(&found.lawsuits);
        self.payment_history.clone_from(&found.payment_history);
        self.score = Some(found.score);
        self.recommended_limit = Some(found.recommended_limit);
        self.concluded_on = Some(today);
        self.valid_until = Some(valid_until(today, found.score));
        Ok(())
    }
}

/// Returns the last day of a conclusion: 12 months later, or 6 months with a score below 60.
fn valid_until(concluded_on: Date, score: i16) -> Date {
    let months: i32 = if score < GOOD { 6 } else { 12 };
    Date(concluded_on.0.saturating_add(months.months()))
}

/// Returns whether a limit is more than 1.2 times the recommended one. No limit always is.
fn above_recommended(limit: Option<Money>, recommended: Money) -> bool {
    let most = recommended.0 * Decimal::new(12, 1);
    limit.is_none_or(|limit| limit.0 > most)
}

/// Checks that only admins, general managers and sales directors grant more than 1.2 times the
/// recommended limit.
pub(crate) fn check_recommended(
    caller: &Caller,
    limit: Option<Money>,
    recommended: Money,
) -> Result<()> {
    let directs = [Role::Admin, Role::GeneralManager, Role::SalesDirector];
    if !above_recommended(limit, recommended) || directs.iter().any(|role| caller.is(*role)) {
        return Ok(());
    }
    let detail = "A limit above 1.2 times the recommended limit requires the sales director.";
    let error = Error::forbidden_because("director_required", detail);
    Err(error.member("recommended_limit", recommended.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_every_action() {
        use InvestigationAction::{Conclude, Expire, Start};
        use InvestigationStatus::{Concluded, Expired, Investigating, Requested};
        let edges = [
            (Requested, Start, Investigating),
            (Investigating, Conclude, Concluded),
            (Concluded, Expire, Expired),
        ];
        for status in InvestigationStatus::ALL {
            for action in [Start, Conclude, Expire] {
                let expected = edges.iter().find(|it| (it.0, it.1) == (*status, action));
                let after = status.after(action);
                let after = after.as_ref().map(|it| *it).map_err(Error::code);
                let expected = expected.map_or(Err("wrong_status"), |it| Ok(it.2));
                assert_eq!(after, expected, "{status:?} {action:?}");
            }
        }
    }

    #[test]
    fn how_long_it_is_good() {
        let on = |y, m, d| Date(jiff::civil::date(y, m, d));
        assert_eq!(valid_until(on(2026, 3, 31), 60), on(2027, 3, 31));
        assert_eq!(valid_until(on(2026, 3, 31), 59), on(2026, 9, 30));
        assert_eq!(valid_until(on(2024, 2, 29), 100), on(2025, 2, 28));
    }

    #[test]
    fn a_fifth_more_and_not_a_cent_above() {
        let money = |text: &str| Money(text.parse().unwrap());
        assert!(!above_recommended(Some(money("120.00")), money("100")));
        assert!(above_recommended(Some(money("120.01")), money("100")));
        assert!(above_recommended(None, money("100")));
        assert!(!above_recommended(Some(Money::ZERO), Money::ZERO));
    }
}
