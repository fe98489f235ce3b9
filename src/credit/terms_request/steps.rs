//! The status changes of a terms request, and the approval limits of roles.

use access::{Caller, Role};
use company::setting::{self, Settings};
use platform::{Error, Money, Reason, Result};

use super::{TermsRequest, TermsStatus};

/// An action on a terms request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsAction {
    Submit,
    Approve,
    Reject,
    Withdraw,
}

/// An action with its request.
pub enum Step<'a> {
    Submit,
    Approve(&'a Reason),
    Reject(&'a Reason),
    Withdraw,
}

impl Step<'_> {
    pub(super) fn action(&self) -> TermsAction {
        match self {
            Self::Submit => TermsAction::Submit,
            Self::Approve(_) => TermsAction::Approve,
            Self::Reject(_) => TermsAction::Reject,
            Self::Withdraw => TermsAction::Withdraw,
        }
    }
}

impl TermsStatus {
    /// Returns the status after an action: draft → submitted → approved or rejected; a draft or
    /// submitted request can be withdrawn.
    pub fn after(self, action: TermsAction) -> Result<Self> {
        use TermsAction::{Approve, Reject, Submit, Withdraw};
        match (self, action) {
            (Self::Draft, Submit) => Ok(Self::Submitted),
            (Self::Submitted, Approve) => Ok(Self::Approved),
            (Self::Submitted, Reject) => Ok(Self::Rejected),
            (Self::Draft | Self::Submitted, Withdraw) => Ok(Self::Withdrawn),
            _ => {
                let detail = "The request is `{}`, which does not allow this action.";
                Err(Error::wrong_status(self.as_str(), detail))
            }
        }
    }
}

/// Returns the highest credit limit that the caller may approve, in the company's currency. `None`
/// means any limit.
fn authority(caller: &Caller, settings: &Settings) -> Option<Money> {
    if [Role::Admin, Role::GeneralManager].iter().any(|role| caller.is(*role)) {
        return None;
    }
    let steps = [
        (Role::SalesManager, setting::TERMS_AUTHORITY_SALES_MANAGER),
        (Role::CreditController, setting::TERMS_AUTHORITY_CREDIT_CONTROLLER),
        (Role::SalesDirector, setting::TERMS_AUTHORITY_SALES_DIRECTOR),
    ];
    let mine = steps.iter().filter(|step| caller.is(step.0)).map(|step| settings.get(step.1));
    Some(Money(mine.max().unwrap_or(0).into()))
}

impl TermsRequest {
    /// Checks that the caller may do this: the requester and admins submit and withdraw; neither the
    /// requester nor the owner of the customer decides.
    pub(super) fn check_hand(&self, caller: &Caller, action: TermsAction) -> Result<()> {
        let requester = self.requested_by == caller.id();
        match action {
            TermsAction::Submit | TermsAction::Withdraw => {
                if requester || caller.is(Role::Admin) {
                    return Ok(());
                }
                let detail = "Only the user who requested the terms can do this.";
                Err(Error::forbidden_because("not_the_author", detail))
            }
            TermsAction::Approve | TermsAction::Reject => {
                if !requester && self.customer_owner_id != Some(caller.id()) {
                    return Ok(());
                }
                let detail = "You cannot decide on terms that you requested or that are for your \
                    own customer. Another user must decide.";
                Err(Error::forbidden_because("self_approval", detail))
            }
        }
    }

    pub(super) fn check_authority(&self, caller: &Caller, settings: &Settings) -> Result<()> {
        let limit = authority(caller, settings);
        if let Some(limit) = limit.filter(|limit| self.credit_limit > *limit) {
            let detail = "The credit limit is above the approval limit of your role.";
            let error = Error::forbidden_because("authority_exceeded", detail);
            return Err(error.member("limit", limit.to_string()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_status_and_every_action() {
        use TermsAction::{Approve, Reject, Submit, Withdraw};
        use TermsStatus::{Approved, Draft, Rejected, Submitted, Withdrawn};
        let edges = [
            (Draft, Submit, Submitted),
            (Draft, Withdraw, Withdrawn),
            (Submitted, Approve, Approved),
            (Submitted, Reject, Rejected),
            (Submitted, Withdraw, Withdrawn),
        ];
        for status in TermsStatus::ALL {
            for action in [Submit, Approve, Reject, Withdraw] {
                let expected = edges.iter().find(|it| (it.0, it.1) == (*status, action));
                let after = status.after(action);
                let after = after.as_ref().map(|it| *it).map_err(Error::code);
                let expected = expected.map_or(Err("wrong_status"), |it| Ok(it.2));
                assert_eq!(after, expected, "{status:?} {action:?}");
            }
        }
    }

    #[test]
    fn the_highest_role_counts() {
        let limit = |roles: &[Role]| {
            let (roles, reach, teams) = (roles.to_vec(), vec![], vec![]);
            let person = access::Person {
                id: Uuid::nil(),
                roles,
                machine: false,
                source_system: None,
                reach,
                teams,
            };
            authority(&Caller::of(person), &Settings::default()).map(|it| it.to_string())
        };
        assert_eq!(limit(&[Role::SalesManager]).as_deref(), Some("20000.00"));
        let two = limit(&[Role::SalesManager, Role::CreditController]);
        assert_eq!(two.as_deref(), Some("200000.00"));
        assert_eq!(limit(&[Role::SalesDirector]).as_deref(), Some("2000000.00"));
        assert_eq!(limit(&[Role::GeneralManager]), None);
    }
}
