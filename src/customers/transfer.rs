//! Transfers of customers to another owner, 客户移交: with a reason, effective on a given day.
//! Past sales keep the credits that they had.

use access::{Caller, Can};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::{Body, Reference};
use platform::{
    Conn, Date, Db, Error, Fault, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes,
    Timestamp, Tx, Write, page,
};
use schema::customer_transfers;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::customer::{Customer, CustomerStatus, find_customers};
use crate::{ManageCustomers, ReadCustomers};

/// The maximum number of days that a transfer can be planned ahead.
const AHEAD: i64 = 366;

/// A change of one customer's owner
#[derive(Debug, Clone, Serialize, ToSchema, HasQuery, Insertable)]
#[diesel(table_name = customer_transfers, treat_none_as_default_value = false)]
pub struct CustomerTransfer {
    pub id: Uuid,
    pub customer_id: Uuid,
    /// The owner at the time of the request. Null if the customer was in the pool 公海
    pub from_owner_id: Option<Uuid>,
    /// The new owner. Null moves the customer to the pool 公海
    pub to_owner_id: Option<Uuid>,
    pub reason: String,
    /// The day on which the owner changes
    pub effective_on: Date,
    pub requested_at: Timestamp,
    pub requested_by: Uuid,
    /// The time at which the owner changed. Null while the transfer is planned
    pub applied_at: Option<Timestamp>,
    pub cancelled_at: Option<Timestamp>,
}

page! {
    /// A page of a customer's transfers, latest first
    CustomerTransferPage of CustomerTransfer
}

/// A transfer of one or several customers
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "customers": [{ "customer_id": "0198c0de-0000-7000-8000-000000000001" }],
    "owner_id": null, "reason": "Li Wei leaves the company" }))]
pub struct NewTransfer {
    #[schema(min_items = 1, max_items = 1000)]
    customers: Vec<Handed>,
    /// The new owner. Null moves the customers to the pool 公海
    owner_id: Option<Uuid>,
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// The day on which the owner changes, at most 366 days ahead. Default: today
    #[schema(nullable = false)]
    effective_on: Option<Date>,
}

/// A customer to transfer
/// A customer to transfer
#[derive(Debug, Deserialize, ToSchema)]
pub struct Handed {
    customer_id: Uuid,
}

intake::references! {
    NewTransfer: &[
        Reference { at: "customers/*/customer", of: "customer", find: find_customers },
        Reference { at: "owner", of: "user", find: auth::user::find_users },
    ];
}

/// Transfers that were made, planned or cancelled
#[derive(Debug, Serialize, ToSchema)]
pub struct Transfers {
    pub items: Vec<CustomerTransfer>,
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, transfer_customers, list_customer_transfers, cancel_transfer);
}

/// Transfer customers
///
/// Transfers one or several customers to another owner or to the pool 公海, immediately or on a
/// later day. The request succeeds for all customers or for none. For managers and the back
/// office.
#[utoipa::path(
    post, path = "/customers/transfer",
    request_body = NewTransfer,
    responses(
        (status = 200, description = "The transfers", body = Transfers),
        (status = 409, description = "`customer_merged`"),
        Problems,
    ),
)]
async fn transfer_customers(
    caller: Can<ManageCustomers>,
    new: Body<NewTransfer>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&CustomerTransfer::create(tx, &caller, &new).await?))
        .await
}

/// List a customer's transfers
///
/// Latest first, including planned and cancelled transfers.
#[utoipa::path(
    get, path = "/customers/{id}/transfers",
    params(PageQuery),
    responses((status = 200, description = "A page of transfers", body = CustomerTransferPage),
        Problems),
)]
async fn list_customer_transfers(
    caller: Can<ReadCustomers>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<CustomerTransferPage> {
    CustomerTransfer::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Cancel a planned transfer
///
/// Only until it has been applied; afterwards 409 `transfer_applied`. Cancelling twice has no
/// further effect. For managers and the back office.
#[utoipa::path(
    post, path = "/customers/{id}/transfers/{transfer_id}/cancel",
    responses(
        (status = 200, description = "The transfer", body = Transfers),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn cancel_transfer(
    caller: Can<ManageCustomers>,
    ids: Path<(Uuid, Uuid)>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&CustomerTransfer::cancel(tx, &caller, *ids).await?))
        .await
}

impl CustomerTransfer {
    async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewTransfer>) -> Result<Transfers> {
        let new = new.resolve(tx.conn(), caller).await?;
        let effective_on = new.effective_on.unwrap_or(tx.today);
        let days = (effective_on.0 - tx.today.0).get_days();
        if !(0..=AHEAD).contains(&i64::from(days)) {
            let why = "must be between today and one year from today";
            let fault = Fault::new("/effective_on", "range", why);
            return Err(Error::invalid(vec![fault]));
        }

        // Locked in the order of ids, so that two transfers cannot deadlock.
        let mut ids: Vec<Uuid> = new.customers.iter().map(|handed| handed.customer_id).collect();
        ids.sort_unstable();
        ids.dedup();

        let mut items = vec![];
        for customer_id in ids {
            let customer = Customer::find_for_update(tx, caller, customer_id).await?;
            customer.check_open()?;

            let due = effective_on <= tx.today;
            let transfer = Self {
                id: Uuid::now_v7(),
                customer_id,
                from_owner_id: customer.owner_id,
                to_owner_id: new.owner_id,
                reason: new.reason.clone(),
                effective_on,
                requested_at: tx.now,
                requested_by: tx.actor,
                applied_at: due.then_some(tx.now),
                cancelled_at: None,
            };
            let insert = diesel::insert_into(customer_transfers::table).values(&transfer);
            insert.execute(tx.conn()).await?;

            // A later transfer is applied by the job `apply_due`.
            if due {
                customer.hand_over(tx, new.owner_id).await?;
            }
            items.push(transfer);
        }
        Ok(Transfers { items })
    }

    async fn list(
        conn: &mut Conn,
        caller: &Caller,
        customer: Uuid,
        list: &List<NoFilter>,
    ) -> Result<CustomerTransferPage> {
        use customer_transfers::{customer_id, effective_on, id};
        let customer = Customer::find(conn, caller, customer).await?;

        let rows = Self::query()
            .filter(customer_id.eq(customer.id))
            .filter(list.ids(id))
            .filter(list.before::<Date, _, _>(effective_on, id)?)
            .order((effective_on.desc(), id.desc()))
            .limit(list.fetch());
        list.page(rows.load(conn).await?, None, |transfer: &Self| {
            (transfer.effective_on, transfer.id)
        })
    }

    async fn cancel(
        tx: &mut Tx,
        caller: &Caller,
        (customer, id): (Uuid, Uuid),
    ) -> Result<Transfers> {
        let customer = Customer::find_for_update(tx, caller, customer).await?;
        let row = customer_transfers::table.find(id);
        let row = row.filter(customer_transfers::customer_id.eq(customer.id));
        // Not locked: the lock on the customer protects its transfers as well.
        let mut transfer: Self = row.select(Self::as_select()).first(tx.conn()).await?;
        if transfer.applied_at.is_some() {
            let detail =
                "The transfer has already taken effect. To undo it, transfer the customer back.";
            return Err(Error::conflict("transfer_applied", detail));
        }

        if transfer.cancelled_at.is_none() {
            transfer.cancelled_at = Some(tx.now);
            let update = diesel::update(customer_transfers::table.find(id));
            let cancelled = customer_transfers::cancelled_at.eq(transfer.cancelled_at);
            update.set(cancelled).execute(tx.conn()).await?;
        }
        Ok(Transfers { items: vec![transfer] })
    }
}

impl Customer {
    /// Changes the owner. An active customer must have an owner, so an active customer that goes
    /// to the pool becomes dormant.
    async fn hand_over(&self, tx: &mut Tx, owner_id: Option<Uuid>) -> Result<()> {
        let status = match (self.status, owner_id) {
            (CustomerStatus::Active, None) => CustomerStatus::Dormant,
            (status, _) => status,
        };
        self.save(tx, Self { status, owner_id, ..self.clone() }).await.map(drop)
    }
}

/// A job: applies the transfers whose day has come. Returns the number of applied transfers.
pub async fn apply_due(tx: &mut Tx) -> Result<u64> {
    let due = CustomerTransfer::query()
        .filter(customer_transfers::applied_at.is_null())
        .filter(customer_transfers::cancelled_at.is_null())
        .filter(customer_transfers::effective_on.le(tx.today))
        .order((customer_transfers::customer_id, customer_transfers::effective_on))
        .limit(1000);
    let due: Vec<CustomerTransfer> = due.load(tx.conn()).await?;

    let mut done = 0;
    for transfer in &due {
        let customer = Customer::locked(tx, transfer.customer_id).await?;
        // The transfer may have been cancelled or applied while the job waited for the lock on
        // the customer.
        let open = customer_transfers::table
            .find(transfer.id)
            .filter(customer_transfers::applied_at.is_null())
            .filter(customer_transfers::cancelled_at.is_null());
        let applied = customer_transfers::applied_at.eq(Some(tx.now));
        if diesel::update(open).set(applied).execute(tx.conn()).await? == 0 {
            continue;
        }

        if customer.merged_into_id.is_none() {
            customer.hand_over(tx, transfer.to_owner_id).await?;
        }
        done += 1;
    }
    Ok(done)
}

/// Reopens the transfers that a merge cancelled, if their day is still to come. Called when the
/// merge is undone.
pub(crate) async fn restore(tx: &mut Tx, customer: Uuid, merged_at: Timestamp) -> Result<()> {
    let planned = customer_transfers::table
        .filter(customer_transfers::customer_id.eq(customer))
        .filter(customer_transfers::applied_at.is_null())
        .filter(customer_transfers::effective_on.gt(tx.today))
        .filter(customer_transfers::cancelled_at.eq(merged_at).assume_not_null());
    let open = customer_transfers::cancelled_at.eq(None::<Timestamp>);
    diesel::update(planned).set(open).execute(tx.conn()).await?;
    Ok(())
}

/// Cancels the planned transfers of a customer that is merged into another.
pub(crate) async fn forget(tx: &mut Tx, customer: Uuid) -> Result<()> {
    let planned = customer_transfers::table
        .filter(customer_transfers::customer_id.eq(customer))
        .filter(customer_transfers::applied_at.is_null())
        .filter(customer_transfers::cancelled_at.is_null());
    let cancelled = customer_transfers::cancelled_at.eq(Some(tx.now));
    diesel::update(planned).set(cancelled).execute(tx.conn()).await?;
    Ok(())
}
