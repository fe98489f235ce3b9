//! Decides which promises were kept. Each payment counts for one promise only, the oldest first.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{Array, Date as SqlDate, Nullable, Numeric, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Date, Money, Result, Tx};
use schema::promises;
use uuid::Uuid;

use super::{Promise, PromiseStatus};

/// Days for which a broken promise can still become kept, by a payment that is recorded late.
const GRACE: i64 = 7;

/// Days for which a kept promise is decided again when its payment is reversed. Longer than the
/// term of any acceptance bill.
const BOUNCE: i64 = 366;

/// Received money: an allocation of a payment, or its unallocated amount.
#[derive(Debug, Clone, QueryableByName)]
struct Receipt {
    #[diesel(sql_type = SqlUuid)]
    customer_id: Uuid,
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = SqlDate)]
    received_on: Date,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    invoice_id: Option<Uuid>,
    #[diesel(sql_type = Numeric)]
    amount: Money,
}

/// Selects receipts by the day on which they were received, whenever they were allocated.
/// Post-dated payments count from their day.
const RECEIPTS: &str = "
    select m.customer_id, m.currency, m.received_on, null::uuid as invoice_id,
        m.unapplied_amount as amount, m.id
    from payments m where m.customer_id = any($1) and m.received_on between $2 and $3
        and m.reversed_on is null and m.unapplied_amount > 0
    union all
    select m.customer_id, m.currency, m.received_on, a.invoice_id, a.amount, a.id
    from payments m join allocations a on a.payment_id = m.id
    where m.customer_id = any($1) and m.received_on between $2 and $3
        and m.reversed_on is null and a.reversed_on is null
    order by received_on, id";

/// Selects kept promises whose period contains a reversed payment of the customer.
const SHAKEN: &str = "
    select p.id from promises p where p.status = 'kept' and p.decided_on >= $1 and exists (
        select from payments m where m.customer_id = p.customer_id and m.currency = p.currency
            and m.received_on between p.promised_on and p.due_on and m.reversed_on is not null)";

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Compares payments with every promise that is open, was broken recently, or was kept by a payment
/// that has been reversed. Returns the number of promises whose status changed.
pub(crate) async fn judge(tx: &mut Tx) -> Result<u64> {
    let before = |days| Date(tx.today.0 - jiff::Span::new().days(days));
    let (since, bounced) = (before(GRACE), before(BOUNCE));
    let shaken = diesel::sql_query(SHAKEN).bind::<SqlDate, _>(bounced);
    let shaken: Vec<Id> = shaken.load(tx.conn()).await?;
    let shaken: Vec<Uuid> = shaken.into_iter().map(|row| row.id).collect();

    let broken = promises::status.eq(PromiseStatus::Broken);
    let broken = broken.and(promises::decided_on.ge(since).assume_not_null());
    let kept = promises::status.eq(PromiseStatus::Kept).and(promises::id.eq_any(&shaken));
    let rows = promises::table.filter(promises::status.eq(PromiseStatus::Open).or(broken).or(kept));
    // A promise that a user is changing right now is decided in the next run.
    let rows = rows.order(promises::id).select(Promise::as_select()).for_update().skip_locked();
    let rows: Vec<Promise> = rows.load(tx.conn()).await?;

    let shares = shares(tx, &rows).await?;
    let mut decided = 0;
    for before in rows {
        let received_amount = shares.get(&before.id).copied().unwrap_or_default();
        let missing = received_amount < before.amount;
        let status = before.status.judged(before.due_on, missing, tx.today);
        let turned = status != before.status;
        let today = Some(tx.today).filter(|_| status != PromiseStatus::Open);
        let decided_on = if turned { today } else { before.decided_on };
        decided += u64::from(turned);
        before.save(tx, Promise { status, received_amount, decided_on, ..before.clone() }).await?;
    }
    Ok(decided)
}

/// Returns the amount received for each of these promises, considering all other promises of their
/// customers.
async fn shares(tx: &mut Tx, judged: &[Promise]) -> Result<HashMap<Uuid, Money>> {
    let mut customers: Vec<Uuid> = judged.iter().map(|promise| promise.customer_id).collect();
    customers.sort_unstable();
    customers.dedup();
    let standing = promises::status.ne(PromiseStatus::Withdrawn);
    let all = promises::table.filter(promises::customer_id.eq_any(&customers).and(standing));
    let all: Vec<Promise> = all.select(Promise::as_select()).load(tx.conn()).await?;
    let Some(first) = all.iter().map(|promise| promise.promised_on).min() else {
        return Ok(HashMap::new());
    };

    let receipts = diesel::sql_query(RECEIPTS)
        .bind::<Array<SqlUuid>, _>(&customers)
        .bind::<SqlDate, _>(first)
        .bind::<SqlDate, _>(tx.today);
    let receipts: Vec<Receipt> = receipts.load(tx.conn()).await?;

    let judged: HashSet<Uuid> = judged.iter().map(|promise| promise.id).collect();
    let claims =
        all.iter().map(|promise| Claim::of(promise, judged.contains(&promise.id))).collect();
    Ok(shared(claims, receipts))
}

/// The claim of a promise on received money.
#[derive(Debug, Clone)]
struct Claim {
    id: Uuid,
    customer_id: Uuid,
    invoice_id: Option<Uuid>,
    currency: String,
    from: Date,
    to: Date,
    /// The promised amount; for promises that are not decided again, the amount already assigned
    amount: Money,
    kept: bool,
}

impl Claim {
    fn of(promise: &Promise, judged: bool) -> Self {
        let had = promise.received_amount.min(promise.amount);
        Self {
            id: promise.id,
            customer_id: promise.customer_id,
            invoice_id: promise.invoice_id,
            currency: promise.currency.clone(),
            from: promise.promised_on,
            to: promise.due_on,
            amount: if judged { promise.amount } else { had },
            kept: promise.status == PromiseStatus::Kept,
        }
    }

    fn takes(&self, receipt: &Receipt) -> bool {
        self.currency == receipt.currency
            && (self.from..=self.to).contains(&receipt.received_on)
            && (self.invoice_id.is_none() || self.invoice_id == receipt.invoice_id)
    }
}

/// Assigns receipts to promises: first to kept ones, so that merging customers breaks none, then to
/// the oldest. A promise without an invoice first takes receipts that were not allocated to an
/// invoice with its own promise.
fn shared(mut claims: Vec<Claim>, receipts: Vec<Receipt>) -> HashMap<Uuid, Money> {
    let named: HashSet<Uuid> = claims.iter().filter_map(|claim| claim.invoice_id).collect();
    let mut pools: HashMap<Uuid, Vec<Receipt>> = HashMap::new();
    for receipt in receipts {
        pools.entry(receipt.customer_id).or_default().push(receipt);
    }

    for pool in pools.values_mut() {
        pool.sort_by_key(|receipt| receipt.invoice_id.is_some_and(|id| named.contains(&id)));
    }
    claims.sort_by_key(|claim| (!claim.kept, claim.from, claim.id));

    let mut shares = HashMap::new();
    for claim in claims {
        let mut missing = claim.amount.0;
        let pool = pools.get_mut(&claim.customer_id).into_iter().flatten();
        for receipt in pool.filter(|receipt| claim.takes(receipt)) {
            let part = receipt.amount.0.min(missing);
            receipt.amount.0 -= part;
            missing -= part;
        }
        shares.insert(claim.id, Money(claim.amount.0 - missing));
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i8) -> Date {
        Date(jiff::civil::date(2026, 3, day))
    }

    fn claim(id: u128, invoice: Option<u128>, (from, to): (i8, i8), amount: i64) -> Claim {
        Claim {
            id: Uuid::from_u128(id),
            customer_id: Uuid::nil(),
            invoice_id: invoice.map(Uuid::from_u128),
            currency: "CNY".into(),
            from: day(from),
            to: day(to),
            amount: Money(amount.into()),
            kept: false,
        }
    }

    fn receipt(on: i8, invoice: Option<u128>, amount: i64) -> Receipt {
        Receipt {
            customer_id: Uuid::nil(),
            currency: "CNY".into(),
            received_on: day(on),
            invoice_id: invoice.map(Uuid::from_u128),
            amount: Money(amount.into()),
        }
    }

    fn told(claims: Vec<Claim>, receipts: Vec<Receipt>) -> Vec<String> {
        let mut shares: Vec<_> = shared(claims, receipts).into_iter().collect();
        shares.sort_by_key(|it| it.0);
        shares.into_iter().map(|it| it.1.0.normalize().to_string()).collect()
    }

    #[test]
    fn the_same_money_keeps_one_promise() {
        let two = || vec![claim(2, None, (1, 9), 60), claim(1, None, (1, 9), 60)];
        assert_eq!(told(two(), vec![receipt(5, None, 100)]), ["60", "40"]);
        let mut kept = two();
        kept[0].kept = true;
        assert_eq!(told(kept, vec![receipt(5, None, 100)]), ["40", "60"], "it stays kept");
        let other = vec![claim(1, None, (1, 3), 60), claim(2, None, (1, 9), 60)];
        assert_eq!(told(other, vec![receipt(5, None, 100)]), ["0", "60"], "each in its days");
    }

    #[test]
    fn money_of_an_invoice_is_for_its_promise_if_there_is_other() {
        let claims = || vec![claim(1, None, (1, 9), 60), claim(2, Some(7), (1, 9), 50)];
        let both = vec![receipt(4, Some(7), 50), receipt(5, None, 60)];
        assert_eq!(told(claims(), both), ["60", "50"]);
        assert_eq!(told(claims(), vec![receipt(4, Some(7), 50)]), ["50", "0"]);
        assert_eq!(told(claims(), vec![receipt(4, Some(8), 50)]), ["50", "0"]);
    }
}
