//! Approval and closing of targets.

use access::Caller;
use company::exchange_rate::ExchangeRate;
use company::setting;
use company::{Calendar, Company};
use platform::{Error, IfSent, Result, Tx};
use uuid::Uuid;

use super::db::lock_tree;
use super::{Approval, Target, TargetStatus};
use crate::hooks::Hooks;

/// An action on a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetAction {
    Change,
    Approve,
    Close,
    Decompose,
    Delete,
}

impl TargetStatus {
    /// Returns the status after an action. The state machine is draft → approved → closed.
    pub fn after(self, action: TargetAction) -> Result<Self> {
        use TargetAction::{Approve, Change, Close, Decompose, Delete};
        match (self, action) {
            (Self::Draft, Change | Decompose | Delete) => Ok(Self::Draft),
            (Self::Draft, Approve) | (Self::Approved, Change | Decompose) => Ok(Self::Approved),
            (Self::Approved, Close) => Ok(Self::Closed),
            (Self::Closed, _) => {
                Err(Error::conflict("target_closed", "A closed target cannot be changed."))
            }
            (Self::Draft, Close) | (Self::Approved, Approve | Delete) => {
                let detail = "The target is `{}`, which does not allow this action.";
                Err(Error::wrong_status(self.as_str(), detail))
            }
        }
    }
}

impl Target {
    pub async fn approve(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        approval: &Approval,
    ) -> Result<Self> {
        lock_tree(tx).await?;
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        before.check_hand(caller)?;

        let status = before.status.after(TargetAction::Approve)?;
        before.check_approver(caller)?;
        before.check_measurable(tx).await?;

        if let Some(allocated) = before.allocated(tx).await?
            && !approval.force
        {
            before.check_allocated(allocated)?;
        }

        let (approved_by, approved_at) = (Some(tx.actor), Some(tx.now));
        before.save(tx, Self { status, approved_by, approved_at, ..before.clone() }).await
    }

    pub async fn close(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfSent) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        before.check_hand(caller)?;
        let status = before.status.after(TargetAction::Close)?;
        before.check_over(tx).await?;
        let closed_actual = (tx.extension::<Hooks>()?.actual)(tx, &before).await?;
        let closed_at = Some(tx.now);
        before.save(tx, Self { status, closed_at, closed_actual, ..before.clone() }).await
    }

    /// Checks that the target can be measured: its metric has figures, and its currency has a rate.
    async fn check_measurable(&self, tx: &mut Tx) -> Result<()> {
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        let Some(currency) = &self.currency else { return Ok(()) };
        let company = Company::load(tx.conn()).await?.currency;
        let pair = (currency.as_str(), company.as_str());
        ExchangeRate::required(tx.conn(), pair, self.period_start, "/currency").await?;
        Ok(())
    }

    /// Checks that the closing day has come: documents of the period may still arrive during the
    /// first working days after it.
    async fn check_over(&self, tx: &mut Tx) -> Result<()> {
        let nth = Company::load(tx.conn()).await?.settings.get(setting::CLOSE_ON_WORKING_DAY);
        let calendar = Calendar::load(tx.conn()).await?;
        let closes = calendar.nth_working_day(self.period_end, usize::try_from(nth).unwrap_or(1));
        if tx.today < closes {
            let detail = format!("The target can be closed only from {closes} on.");
            return Err(
                Error::conflict("period_not_over", detail).member("closes_on", closes.to_string())
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_every_action() {
        use TargetAction::{Approve, Change, Close, Decompose, Delete};
        use TargetStatus::{Approved, Closed, Draft};
        let table = [
            (Draft, Change, Ok(Draft)),
            (Draft, Approve, Ok(Approved)),
            (Draft, Close, Err("wrong_status")),
            (Draft, Decompose, Ok(Draft)),
            (Draft, Delete, Ok(Draft)),
            (Approved, Change, Ok(Approved)),
            (Approved, Approve, Err("wrong_status")),
            (Approved, Close, Ok(Closed)),
            (Approved, Decompose, Ok(Approved)),
            (Approved, Delete, Err("wrong_status")),
            (Closed, Change, Err("target_closed")),
            (Closed, Approve, Err("target_closed")),
            (Closed, Close, Err("target_closed")),
            (Closed, Decompose, Err("target_closed")),
            (Closed, Delete, Err("target_closed")),
        ];
        for (status, action, expected) in table {
            let after = status.after(action);
            let after = after.as_ref().map(|it| *it).map_err(Error::code);
            assert_eq!(after, expected, "{status:?} {action:?}");
        }
    }
}
