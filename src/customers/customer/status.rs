//! Status transitions of a customer.

use platform::{Error, Result};

use super::{Customer, CustomerStatus};

/// An action that changes the status of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusAction {
    Activate,
    Rest,
    Lose,
    Blacklist,
    Reinstate,
}

impl Customer {
    /// Returns the customer after the action, or 409 `wrong_status` if the status does not allow
    /// it: prospect → active ⇄ dormant, lost, blacklisted.
    pub(super) fn moved(&self, action: StatusAction, reason: Option<&str>) -> Result<Self> {
        use CustomerStatus::{Active, Blacklisted, Dormant, Lost, Prospect};
        let status = match (self.status, action) {
            (Prospect | Dormant | Lost, StatusAction::Activate) => Active,
            (Active, StatusAction::Rest) => Dormant,
            (Prospect | Active | Dormant, StatusAction::Lose) => Lost,
            (Prospect | Active | Dormant | Lost, StatusAction::Blacklist) => Blacklisted,
            (Blacklisted, StatusAction::Reinstate) => Prospect,
            (status, _) => {
                let detail = "The customer is `{}`, which does not allow this action.";
                return Err(Error::wrong_status(status.as_str(), detail));
            }
        };

        if status == Active && self.owner_id.is_none() {
            let detail = "The customer has no owner. Assign an owner with a transfer first.";
            return Err(Error::conflict("customer_without_owner", detail));
        }
        Ok(Self { status, status_reason: reason.map(str::to_owned), ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use platform::Timestamp;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_active_customer_has_an_owner() {
        let pooled = Customer::blank(Uuid::nil(), Timestamp::default());
        let refused = pooled.moved(StatusAction::Activate, None).unwrap_err();
        assert_eq!(refused.code(), "customer_without_owner");
        let owned = Customer { owner_id: Some(Uuid::max()), ..pooled };
        let active = owned.moved(StatusAction::Activate, None).unwrap();
        assert_eq!(active.status, CustomerStatus::Active);
        assert!(active.moved(StatusAction::Activate, None).is_err());
    }
}
