//! Rules on a customer that hold on every path, not for one operation only.

use auth::{Caller, Role};
use platform::{Error, Fault, Result, Tx, changes};

use super::{Customer, CustomerStatus, Tier};
use crate::{ManageCustomers, hooks};

impl Customer {
    /// Who may set the tier: days overdue, the share of a survey and the first response to a
    /// complaint follow from it, so that it is never the person who profits.
    pub(super) fn check_tier(&self, caller: &Caller, before: Option<Tier>) -> Result<()> {
        if self.tier == before || caller.is(Role::Erp) {
            return Ok(());
        }
        if !caller.may::<ManageCustomers>() {
            let why = "managers and the back office set the tier";
            let fault = Fault::new("/tier", "forbidden_field", why);
            return Err(Error::forbidden().detail(why).faults(vec![fault]));
        }
        if self.owner_id == Some(caller.id()) {
            let detail = "somebody else sets the tier of a customer of yours";
            return Err(Error::forbidden_because("self_approval", detail));
        }
        Ok(())
    }

    /// Patience with prospects, 耐心: the customer may be given up. Whether it has been activated or
    /// put to rest meanwhile changes nothing as long as it has never bought, which the hook knows.
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
