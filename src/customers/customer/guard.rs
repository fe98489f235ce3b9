//! Rules on a customer that several operations share.

use access::{Caller, Role};
use platform::{Error, Fault, Result, Tx, changes};

use super::{Customer, CustomerStatus, Tier};
use crate::{ManageCustomers, hooks};

impl Customer {
    /// Checks that the caller may set the tier. The allowed days overdue, the share of surveys and
    /// the time for the first response to a complaint depend on it, so the owner of the customer,
    /// who would profit, may never set it.
    pub(super) fn check_tier(&self, caller: &Caller, before: Option<Tier>) -> Result<()> {
        if self.tier == before || caller.is(Role::Erp) {
            return Ok(());
        }
        if !caller.may::<ManageCustomers>() {
            let why = "can be set only by managers and the back office";
            let fault = Fault::new("/tier", "forbidden_field", why);
            let detail = "Only managers and the back office can set the tier.";
            return Err(Error::forbidden().detail(detail).faults(vec![fault]));
        }
        if self.owner_id == Some(caller.id()) {
            let detail = "You cannot set the tier of a customer that you own.";
            return Err(Error::forbidden_because("self_approval", detail));
        }
        Ok(())
    }

    /// Checks that the customer may be given up; prospects deserve patience, 耐心. The rule covers
    /// every customer that was ever a prospect, even if it has been activated or made dormant
    /// since. The hook exempts customers that have bought.
    pub(super) async fn check_given_up(&self, tx: &mut Tx) -> Result<()> {
        let prospect = CustomerStatus::Prospect;
        if self.status == prospect
            || changes::ever(tx.conn(), self, "status", prospect.as_str()).await?
        {
            hooks::check_given_up(tx, self).await?;
        }
        Ok(())
    }
}
