//! Queries on write-off requests. Each query on behalf of a caller starts at `Caller::sees`.

use ::customers::hooks::Move;
use access::{Caller, Role};
use company::setting::{self, Key};
use company::{Company, exchange_rate::converted};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::{Body, parameters};
use platform::{Change, Conn, Date, Error, Fault, IfSent, List, Money, Result, Timestamp, Tx};
use rust_decimal::Decimal;
use schema::write_off_requests;
use uuid::Uuid;

use super::{
    Decision, NewWriteOffRequest, WriteOffFilter, WriteOffRequest, WriteOffRequestPage,
    WriteOffStatus,
};
use crate::allocation::{self, Allocation};
use crate::invoice::{self, Invoice, InvoiceKind, Moved};
use crate::risk_case;

/// Days for which a write-off counts against the approval limit for all invoices of its customer.
const AUTHORITY_YEAR: i32 = 365;

fn matching<'a>(
    caller: &'a Caller,
    filter: &'a WriteOffFilter,
) -> write_off_requests::BoxedQuery<'a, Pg> {
    let mut query = write_off_requests::table.filter(caller.sees::<WriteOffRequest>()).into_boxed();
    platform::filter_by!(
        query,
        write_off_requests::customer_id.eq(filter.customer_id),
        write_off_requests::invoice_id.eq(filter.invoice_id),
        write_off_requests::risk_case_id.eq(filter.risk_case_id),
        write_off_requests::status.eq_any(&filter.status),
    );
    query
}

impl WriteOffRequest {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<WriteOffFilter>,
    ) -> Result<WriteOffRequestPage> {
        use write_off_requests::{created_at, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed =
            || matching(caller, &filter).filter(list.rows(id, write_off_requests::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let rows = listed().filter(list.before::<Timestamp, _, _>(created_at, id)?);
        let rows = rows.order((created_at.desc(), id.desc())).select(Self::as_select());
        let rows = rows.limit(list.fetch()).load(conn).await?;
        list.page(rows, total, |request: &Self| (request.created_at, request.id))
    }

    access::rows! { write_off_requests: pub fn find, fn find_for_update, fn save }

    pub async fn create(
        tx: &mut Tx,
        caller: &Caller,
        new: &Body<NewWriteOffRequest>,
    ) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let invoice = Invoice::find(tx.conn(), caller, new.invoice_id).await?;
        let amount = new.amount.unwrap_or(invoice.open_amount);
        let mut faults = vec![];
        let mut wrong = |at: &str, code: &'static str, why: &str| {
            faults.push(Fault::new(at, code, why));
        };
        if invoice.kind == InvoiceKind::CreditNote || !invoice.counts() {
            wrong("/invoice_id", "not_posted", "must be a posted invoice");
        } else if amount > invoice.open_amount || amount <= Money::ZERO {
            wrong(
                "/amount",
                "above_open_amount",
                "must be more than 0 and at most the open amount of the invoice",
            );
        }
        if let Some(case) = new.risk_case_id
            && !risk_case::is_of(tx.conn(), case, invoice.customer_id).await?
        {
            wrong("/risk_case_id", "another_customer", "the case belongs to another customer");
        }

        // The open amount itself may come from an ERP with more digits than users may enter.
        let part = new.amount.filter(|amount| *amount != invoice.open_amount);
        faults.extend(
            part.and_then(|amount| amount.digits_fault("/amount", Some(&invoice.currency))),
        );
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }

        let owners = customers::customer::owners(tx.conn(), [invoice.customer_id]).await?;
        let request = Self {
            id: Uuid::now_v7(),
            version: 1,
            invoice_id: invoice.id,
            customer_id: invoice.customer_id,
            risk_case_id: new.risk_case_id,
            currency: invoice.currency,
            amount,
            reason: new.reason,
            requested_by: caller.id(),
            status: WriteOffStatus::Requested,
            decided_by: None,
            decided_on: None,
            decision_note: None,
            created_at: tx.now,
            updated_at: tx.now,
            customer_owner_id: owners.get(&invoice.customer_id).copied().flatten(),
        };
        diesel::insert_into(write_off_requests::table).values(&request).execute(tx.conn()).await?;
        tx.record(Change::created(&request)).await?;
        Ok(request)
    }

    pub(super) async fn act(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        decision: Decision,
        note: Option<&str>,
    ) -> Result<Self> {
        let seen = Self::find(tx.conn(), caller, id).await?;
        let invoices = invoice::hold(tx, &[], &[seen.customer_id], &[seen.invoice_id]).await?;
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        if before.status != WriteOffStatus::Requested {
            let status = before.status.as_str();
            let detail = "The request is `{}`. Only a `requested` write-off can be decided or \
                withdrawn.";
            return Err(Error::wrong_status(status, detail));
        }

        let own = before.requested_by == caller.id();
        let owned = before.customer_owner_id == Some(caller.id());
        let (status, decided_by) = match decision {
            Decision::Withdraw if !own => {
                let detail = "Only the user who requested the write-off can withdraw it.";
                return Err(Error::forbidden_because("not_the_author", detail));
            }
            Decision::Withdraw => (WriteOffStatus::Withdrawn, None),
            _ if own || owned => {
                let detail = "You cannot decide on a write-off that you requested or that is for \
                    your own customer. Another user must decide.";
                return Err(Error::forbidden_because("self_approval", detail));
            }
            Decision::Reject => (WriteOffStatus::Rejected, Some(caller.id())),
            Decision::Approve => (WriteOffStatus::Approved, Some(caller.id())),
        };

        let invoice = invoices.as_slice().first().ok_or_else(Error::not_found)?;
        if decision == Decision::Approve {
            before.approve(tx, caller, invoice).await?;
        }
        let after = Self {
            status,
            decided_by,
            decided_on: Some(tx.today),
            decision_note: note.map(str::to_owned),
            ..before.clone()
        };
        before.save(tx, after).await
    }

    /// Checks the approval limit of the caller and reduces the invoice from today on.
    async fn approve(&self, tx: &mut Tx, caller: &Caller, invoice: &Invoice) -> Result<()> {
        let company = Company::load(tx.conn()).await?;
        let settings = &company.settings;
        let amount = converted(self.amount, invoice.exchange_rate);
        if let Some(limit) = authority(caller, |key| settings.get(key)) {
            // The customer's credit is locked, so that no other approval can run at the same time.
            let since = tx.today.0.saturating_sub(jiff::Span::new().days(AUTHORITY_YEAR));
            let before = allocation::written_off(tx.conn(), invoice, Date(since)).await?;
            if before.0 + amount.0 > Decimal::from(limit) {
                let detail = "Together with earlier write-offs for this invoice, or for this \
                    customer within a year, the amount is above the approval limit of your role.";
                let error = Error::forbidden_because("authority_exceeded", detail);
                let error = error.member("limit", limit.to_string());
                return Err(error.member("given_up", before.shown_in(&company.currency)));
            }
        }

        if self.amount > invoice.open_amount {
            let detail = "The open amount of the invoice is now less than the requested amount.";
            let error = Error::conflict("above_open_amount", detail);
            return Err(
                error.member("open_amount", invoice.open_amount.shown_in(&invoice.currency))
            );
        }

        let day = tx.today.max(invoice.invoice_date);
        let made = Allocation::new(self.invoice_id, self.amount, day).of_write_off(self.id);
        allocation::insert(tx, &[made]).await?;
        invoice::settle(tx, &[self.invoice_id], Moved::Documents).await?;
        Ok(())
    }
}

/// Returns the approval limit of the caller, in the company's currency. `None` means no limit.
fn authority(caller: &Caller, value: impl Fn(Key) -> i64) -> Option<i64> {
    if caller.is(Role::Admin) || caller.is(Role::GeneralManager) {
        return None;
    }
    let limits = [
        (Role::SalesDirector, setting::WRITE_OFF_AUTHORITY_SALES_DIRECTOR),
        (Role::Finance, setting::WRITE_OFF_AUTHORITY_FINANCE),
    ];
    let limits = limits.iter().filter(|step| caller.is(step.0)).map(|step| value(step.1));
    Some(limits.max().unwrap_or(0))
}

/// Returns whether a write-off of this case has been approved.
pub(crate) async fn is_approved_for(conn: &mut Conn, case: Uuid) -> Result<bool> {
    let approved = write_off_requests::table
        .filter(write_off_requests::risk_case_id.eq(case))
        .filter(write_off_requests::status.eq(WriteOffStatus::Approved))
        .select(write_off_requests::id);
    Ok(approved.first::<Uuid>(conn).await.optional()?.is_some())
}

/// Moves the requests of a merged customer to the remaining one.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let winner = moving.to;
    let rows = write_off_requests::table.filter(write_off_requests::customer_id.eq(moving.from.id));
    let rows = rows.order(write_off_requests::id).select(WriteOffRequest::as_select());
    let rows: Vec<WriteOffRequest> = rows.for_update().load(tx.conn()).await?;
    let rows = moving.taken(rows, |row| row.id);
    let ids = rows.iter().map(|row| row.id).collect();
    for before in rows {
        let (customer_id, customer_owner_id) = (winner.id, winner.owner_id);
        before
            .save(tx, WriteOffRequest { customer_id, customer_owner_id, ..before.clone() })
            .await?;
    }
    Ok(ids)
}
