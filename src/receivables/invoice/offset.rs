//! Allocation of the unused amount of a credit note to other invoices of its customer, 红字发票核销.

use access::Caller;
use intake::Body;
use platform::{Error, IfSent, Money, Result, Tx};
use uuid::Uuid;

use super::{Invoice, InvoiceKind, Moved, db, settle};
use crate::allocation;
use crate::source::{DocumentUse, Invoices, Source};

impl Invoice {
    /// Allocates the unused amount of a credit note.
    pub async fn allocate(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        to: &Body<DocumentUse>,
    ) -> Result<Self> {
        let to = to.resolve(tx.conn(), caller).await?;
        to.check()?;

        // The invoices to lock depend on the customer, which is read before the locks.
        let seen = Self::find(tx.conn(), caller, id).await?;
        let mut rows = if to.oldest_first {
            db::open_of(tx.conn(), seen.customer_id, &seen.currency).await?
        } else {
            to.allocations.iter().map(|allocation| allocation.invoice_id).collect()
        };
        rows.push(id);
        let held = settle::hold(tx, &[], &[seen.customer_id], &rows).await?;
        let invoices: Invoices = held.into_iter().map(|invoice| (invoice.id, invoice)).collect();
        let before = invoices.get(&id).ok_or_else(Error::not_found)?;
        based_on.check(tx, before).await?;
        if before.customer_id != seen.customer_id {
            return Err(Error::unavailable("busy"));
        }

        let made = before.source()?.asked(&to, &invoices, tx.today)?;
        let used: Vec<_> = made.iter().map(|allocation| allocation.of_credit_note(id)).collect();
        allocation::insert(tx, &used).await?;
        rows.sort_unstable();
        rows.dedup();
        settle::settle(tx, &rows, Moved::Documents).await?;
        Self::find(tx.conn(), caller, id).await
    }

    fn source(&self) -> Result<Source<'_>> {
        if self.kind == InvoiceKind::Invoice {
            let detail =
                "An invoice cannot be applied to other invoices. Use a payment or a credit note.";
            return Err(Error::conflict("not_a_credit_note", detail));
        }
        if !self.counts() {
            return Err(self.wrong_status());
        }
        Ok(Source {
            customer_id: self.customer_id,
            currency: &self.currency,
            since: self.invoice_date,
            left: Money(-self.open_amount.0),
        })
    }
}
