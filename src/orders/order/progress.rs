//! Progress of an order after its confirmation: shipped, invoiced, paid. The ERP owns these fields.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Bool, Date as SqlDate, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use platform::owned::{FieldOwner, Owned, OwnedField};
use platform::{Change, Date, Money, Resource, Result, Tx, text_enum};
use rust_decimal::Decimal;
use schema::orders;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Credit, Order, credit};
use crate::shipment::{self, Shipped};

text_enum! {
    /// Shipping progress of an order
    pub enum FulfilmentStatus {
        /// 未发货
        None = "none",
        /// 部分发货
        Partial = "partial",
        /// 已发货
        Shipped = "shipped",
        /// 已送达
        Delivered = "delivered",
    }
}

text_enum! {
    /// Invoicing progress of an order
    pub enum BillingStatus {
        /// 未开票
        None = "none",
        /// 部分开票
        Partial = "partial",
        /// 已开票
        Invoiced = "invoiced",
    }
}

text_enum! {
    /// Payment progress of an order
    pub enum PaymentStatus {
        /// 未付款
        None = "none",
        /// 部分付款
        Partial = "partial",
        /// 已付款
        Paid = "paid",
    }
}

/// Current totals of an order's invoices, in the order's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Billing {
    pub order_id: Uuid,
    /// Posted invoices less posted credit notes
    pub invoiced: Money,
    /// Payments allocated to the invoices. `None` if there never was one; the payment status that
    /// an ERP reported is then kept
    pub paid: Option<Money>,
}

/// Progress of an order
#[derive(
    Debug, Clone, PartialEq, Serialize, ToSchema, Queryable, Selectable, Insertable, AsChangeset,
)]
#[diesel(table_name = orders, treat_none_as_default_value = false)]
pub struct OrderProgress {
    /// Computed from the shipments, or reported by the ERP
    #[schema(inline)]
    pub fulfilment_status: FulfilmentStatus,
    /// Computed from the invoices, or reported by the ERP
    #[schema(inline)]
    pub billing_status: BillingStatus,
    /// Computed from the payments of its invoices, or reported by the ERP
    #[schema(inline)]
    pub payment_status: PaymentStatus,
    /// `true` if an ERP reported the order although the customer's credit limit was exceeded
    pub credit_exceeded: bool,
    /// Amount invoiced so far, in the order's currency
    pub invoiced_amount: Money,
}

impl Default for OrderProgress {
    fn default() -> Self {
        Self {
            fulfilment_status: FulfilmentStatus::None,
            billing_status: BillingStatus::None,
            payment_status: PaymentStatus::None,
            credit_exceeded: false,
            invoiced_amount: Money::ZERO,
        }
    }
}

/// Returns the people credited and their shares, leaving the amounts aside.
fn shares(credits: &[Credit]) -> Vec<(Uuid, platform::Number)> {
    credits.iter().map(|credit| (credit.user_id, credit.share_percent)).collect()
}

/// Returns `true` if a person entered the order here, even if an ERP has numbered it since.
fn taken_here(order: &Order) -> bool {
    order.taken_here
}

impl Owned for Order {
    const FIELDS: &'static [OwnedField<Self>] = &[
        OwnedField {
            name: "fulfilment_status",
            owner: FieldOwner::Erp,
            of: |_| true,
            same: |a, b| a.progress.fulfilment_status == b.progress.fulfilment_status,
        },
        OwnedField {
            name: "billing_status",
            owner: FieldOwner::Erp,
            of: |_| true,
            same: |a, b| a.progress.billing_status == b.progress.billing_status,
        },
        OwnedField {
            name: "payment_status",
            owner: FieldOwner::Erp,
            of: |_| true,
            same: |a, b| a.progress.payment_status == b.progress.payment_status,
        },
        OwnedField {
            name: "shipped_on",
            owner: FieldOwner::Erp,
            of: |_| true,
            same: |a, b| a.shipped_on == b.shipped_on,
        },
        OwnedField {
            name: "credits",
            owner: FieldOwner::People,
            of: taken_here,
            same: |a, b| shares(&a.credits) == shares(&b.credits),
        },
        OwnedField {
            name: "channel",
            owner: FieldOwner::People,
            of: taken_here,
            same: |a, b| a.channel == b.channel,
        },
    ];
    const SCHEMAS: &'static [&'static str] =
        &["Order", "OrderProgress", "OrderChanges", "OrderDetails", "OrderFacts"];
}

impl Order {
    /// Returns the order with the billing and payment status that follow from these totals. A
    /// return has a negative total and is invoiced by credit notes, so that its signs are turned.
    fn billed(&self, by: &Billing) -> Self {
        let amount = by.invoiced;
        let sign = if self.total_amount < Money::ZERO { -Decimal::ONE } else { Decimal::ONE };
        let (billed, whole) = (amount.0 * sign, self.total_amount.0 * sign);

        let billing_status = if billed <= Decimal::ZERO {
            BillingStatus::None
        } else if billed < whole {
            BillingStatus::Partial
        } else {
            BillingStatus::Invoiced
        };

        let mut after = self.clone();
        after.progress.billing_status = billing_status;
        after.progress.invoiced_amount = amount;
        if let Some(paid) = by.paid {
            let whole = billing_status == BillingStatus::Invoiced && paid >= amount;
            after.progress.payment_status = match paid > Money::ZERO {
                false => PaymentStatus::None,
                true if whole => PaymentStatus::Paid,
                true => PaymentStatus::Partial,
            };
        }
        after
    }

    /// Returns the order with the fulfilment status that follows from its shipments. Lines of a
    /// return are never shipped and do not count.
    fn shipped(&self, shipped: &Shipped) -> Self {
        let lines = || self.lines.iter().filter(|line| line.quantity.0 > Decimal::ZERO);
        let all = |quantities: &HashMap<i32, Decimal>| {
            let sent = |line: i32| quantities.get(&line).copied().unwrap_or_default();
            lines().count() > 0 && lines().all(|line| sent(line.line_number) >= line.quantity.0)
        };

        let status = if all(&shipped.delivered) {
            FulfilmentStatus::Delivered
        } else if all(&shipped.sent) {
            FulfilmentStatus::Shipped
        } else if shipped.sent.values().any(|quantity| *quantity > Decimal::ZERO) {
            FulfilmentStatus::Partial
        } else {
            FulfilmentStatus::None
        };

        let mut after = self.clone();
        after.progress.fulfilment_status = status;
        if matches!(status, FulfilmentStatus::Shipped | FulfilmentStatus::Delivered) {
            after.shipped_on = shipped.last_on.or(self.shipped_on);
        }
        after
    }
}

/// Locks orders in the sequence of their ids and returns them as of the lock.
pub(super) async fn locked(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Order>> {
    let rows = orders::table.filter(orders::id.eq_any(ids)).order(orders::id);
    let ids: Vec<Uuid> = rows.select(orders::id).for_update().load(tx.conn()).await?;
    let rows = Order::query().filter(orders::id.eq_any(ids)).order(orders::id);
    Ok(rows.load(tx.conn()).await?)
}

/// Stores the invoiced and paid totals of orders, and updates their statuses and open items. Called
/// by the owner of the invoices, which has locked the orders before.
pub async fn billed(tx: &mut Tx, changes: &[Billing]) -> Result<()> {
    let told: HashMap<Uuid, &Billing> =
        changes.iter().map(|billing| (billing.order_id, billing)).collect();
    let ids: Vec<Uuid> = told.keys().copied().collect();
    let before = locked(tx, &ids).await?;
    let after =
        |order: &Order| told.get(&order.id).map_or_else(|| order.clone(), |by| order.billed(by));
    let after = before.iter().map(after).collect();
    save_all(tx, before, after).await
}

/// Brings orders in sync with their shipments.
pub(crate) async fn shipped(tx: &mut Tx, ids: &[Uuid]) -> Result<()> {
    let before = locked(tx, ids).await?;
    let shipments = shipment::quantities(tx.conn(), ids).await?;
    let nothing = Shipped::default();
    let after = |order: &Order| order.shipped(shipments.get(&order.id).unwrap_or(&nothing));
    let after = before.iter().map(after).collect();
    save_all(tx, before, after).await
}

/// Stores the locked orders that differ from before: their progress and their customer. Open items
/// follow. The credit limit is not checked, because the changes have already happened.
pub(super) async fn save_all(tx: &mut Tx, before: Vec<Order>, after: Vec<Order>) -> Result<()> {
    let now = tx.now;
    let pairs = before.into_iter().zip(after);
    let pairs = pairs.map(|(before, after)| (before.next(after, now), before));
    let pairs: Vec<(Order, Order)> = pairs.filter(|(after, before)| after != before).collect();
    if pairs.is_empty() {
        return Ok(());
    }

    let rows: Vec<&Order> = pairs.iter().map(|pair| &pair.0).collect();
    diesel::sql_query(UPDATE)
        .bind::<Timestamptz, _>(now)
        .bind::<Array<SqlUuid>, _>(column(&rows, |order| order.id))
        .bind::<Array<BigInt>, _>(column(&rows, |order| order.version))
        .bind::<Array<SqlUuid>, _>(column(&rows, |order| order.customer_id))
        .bind::<Array<Nullable<SqlDate>>, _>(column::<Option<Date>>(&rows, |order| {
            order.shipped_on
        }))
        .bind::<Array<Text>, _>(column(&rows, |order| order.progress.fulfilment_status))
        .bind::<Array<Text>, _>(column(&rows, |order| order.progress.billing_status))
        .bind::<Array<Text>, _>(column(&rows, |order| order.progress.payment_status))
        .bind::<Array<Bool>, _>(column(&rows, |order| order.progress.credit_exceeded))
        .bind::<Array<Numeric>, _>(column(&rows, |order| order.progress.invoiced_amount))
        .execute(tx.conn())
        .await?;

    let steps: Vec<_> = pairs.iter().map(|(after, before)| (Some(before), after)).collect();
    credit::lock(tx, &steps).await?;
    credit::keep(tx, &steps).await?;

    let records: Result<Vec<Change>> =
        pairs.iter().map(|(after, before)| Change::updated(before, after)).collect();
    tx.record_all(&records?).await
}

fn column<T>(orders: &[&Order], value: impl Fn(&Order) -> T) -> Vec<T> {
    orders.iter().map(|order| value(order)).collect()
}

const UPDATE: &str = "
    update orders set version = it.version, updated_at = $1, customer_id = it.customer_id,
        shipped_on = it.shipped_on, fulfilment_status = it.fulfilment_status,
        billing_status = it.billing_status, payment_status = it.payment_status,
        credit_exceeded = it.credit_exceeded, invoiced_amount = it.invoiced_amount
    from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10) as it (id, version, customer_id, shipped_on,
        fulfilment_status, billing_status, payment_status, credit_exceeded, invoiced_amount)
    where orders.id = it.id";
