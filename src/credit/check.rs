//! The credit check, 信用检查: whether an amount fits into a customer's credit limit. It takes three
//! separate statements: the order is locked, then the customers' rows by [`lock`], then [`check`]
//! sums. A sum in the locking statement would miss what a concurrent transaction has just
//! committed.

use std::collections::{HashMap, HashSet};

use company::Company;
use company::setting::{self, Settings};
use customers::customer::{Tier, tiers};
use platform::{Conn, Date, Error, Money, Number, Result, Timestamp, Tx, text_enum};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::credit_override::{self, Allowance};
use crate::customer_credit::{self, CustomerCredit};
use crate::open_item::{self, Sums};
use crate::terms_request;

text_enum! {
    /// The reason why no further credit is given
    pub enum CreditReason {
        /// 信用冻结
        Hold = "hold",
        /// 额度已过期: the limit has expired
        LimitExpired = "limit_expired",
        /// 超出额度: the exposure exceeds the limit including its tolerance
        OverLimit = "over_limit",
        /// 未核准交易条件: prepaid only until trading terms are approved
        NoTerms = "no_terms",
        /// 逾期: an item is overdue for too long
        Overdue = "overdue",
    }
}

/// An order that is about to raise the exposure of a customer.
#[derive(Debug, Clone)]
pub struct Raise {
    pub order_id: Uuid,
    /// The people credited with the order. Their own overrides do not count
    pub order_owner_ids: Vec<Uuid>,
    pub customer_id: Uuid,
    /// The new amount of the order's open item, in the company's currency
    pub amount: Money,
}

/// An invoice that is about to be posted; amounts in the company's currency.
#[derive(Debug, Clone, Copy)]
pub struct Billed {
    pub invoice_id: Uuid,
    /// The open amount
    pub amount: Money,
    /// The part of it that the check of the order did not cover
    pub beyond: Money,
}

/// The breakdown of a customer's exposure, 信用占用明细; amounts in the company's currency
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CreditBreakdown {
    /// The limit in force; null if there is none
    pub limit: Option<Money>,
    pub tolerance_percent: Number,
    /// Posted invoices minus payments and credit notes
    pub open_receivables: Money,
    /// Confirmed orders that are not invoiced, without this order
    pub confirmed_orders: Money,
    /// The amount that the checked order or invoice adds
    pub this_order: Money,
    pub unapplied_receipts: Money,
    /// Receivables + orders + this order − receipts
    pub exposure: Money,
    /// The rest of the limit including its tolerance; null without a limit
    pub available: Option<Money>,
    /// The largest override in force
    pub override_amount: Money,
    /// Days since the oldest unpaid item was due
    pub oldest_overdue_days: i64,
    pub overdue_amount: Money,
    pub max_overdue_days: i64,
    /// Reasons why no further credit is given; empty if it is
    pub reasons: Vec<CreditReason>,
}

/// The credit rules in force for a customer at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub limit: Option<Money>,
    pub tolerance_percent: Number,
    pub max_overdue_days: i64,
    /// Smaller overdue amounts do not block credit
    pub threshold: Money,
    pub hold: bool,
    pub valid_until: Option<Date>,
    /// The customer has no approved terms, and the settings require them
    pub prepaid: bool,
}

/// Locks the credit rows of these customers in the order of their ids, and creates missing ones.
/// Lock orders and customers before, invoices and payments after. Rows that a batch has just
/// created are an exception, because no other transaction knows them.
pub async fn lock(tx: &mut Tx, customer_ids: &[Uuid]) -> Result<()> {
    customer_credit::lock(tx, customer_ids).await
}

/// Checks that the amount fits into the customer's credit, else fails with 409
/// `credit_limit_exceeded` and the breakdown. Call it after [`lock`]. Amounts that do not raise the
/// exposure always pass.
pub async fn check(tx: &mut Tx, raise: &Raise) -> Result<()> {
    if raise.amount <= Money::ZERO {
        return Ok(());
    }
    let (today, customer) = (tx.today, raise.customer_id);
    let (policy, sums) = standing(tx.conn(), today, customer, Some(raise.order_id)).await?;
    decide(tx, &policy, &sums, (customer, &raise.order_owner_ids, raise.amount)).await
}

/// Checks an invoice that is already among the open items: only the amount beyond the checked order
/// must fit. Call it after [`open_item::keep`]; a refusal is undone with the transaction.
pub async fn check_billed(
    tx: &mut Tx,
    customer: Uuid,
    owners: &[Uuid],
    billed: Billed,
) -> Result<()> {
    let Billed { invoice_id, amount, beyond } = billed;
    if beyond <= Money::ZERO {
        return Ok(());
    }
    let today = tx.today;
    // The invoice itself is left out, because it must not count as overdue before it is posted.
    let (policy, mut sums) = standing(tx.conn(), today, customer, Some(invoice_id)).await?;
    sums.receivables.0 += amount.0 - beyond.0;
    decide(tx, &policy, &sums, (customer, owners, beyond)).await
}

async fn decide(
    tx: &mut Tx,
    policy: &Policy,
    sums: &Sums,
    (customer, owners, amount): (Uuid, &[Uuid], Money),
) -> Result<()> {
    let (today, now) = (tx.today, tx.now);
    let allowances = credit_override::in_force(tx.conn(), customer, now).await?;
    let others = |allowance: &&Allowance| !owners.contains(&allowance.by);
    let allowance = allowances.iter().filter(others).map(|allowance| allowance.amount).max();
    let breakdown = policy.judge(sums, amount, allowance, today);
    if breakdown.reasons.is_empty() { Ok(()) } else { Err(refusal(&breakdown)?) }
}

fn refusal(breakdown: &CreditBreakdown) -> Result<Error> {
    let detail = "The customer's credit is not sufficient.";
    let members = serde_json::to_value(breakdown).map_err(Error::internal)?;
    let Value::Object(members) = members else { return Err(Error::internal("no object")) };
    let refusal = Error::conflict("credit_limit_exceeded", detail);
    Ok(members.into_iter().fold(refusal, |error, (name, value)| error.member(&name, value)))
}

/// Returns the rest of each customer's limit including its tolerance. Customers without a limit are
/// left out.
pub async fn available(tx: &mut Tx, customer_ids: &[Uuid]) -> Result<HashMap<Uuid, Money>> {
    let today = tx.today;
    let standings = standings(tx.conn(), today, customer_ids, None).await?;
    let left = standings.into_iter().filter_map(|(id, (policy, sums))| {
        let cap = policy.cap()?;
        Some((id, Money(cap.0 - sums.exposure().0)))
    });
    Ok(left.collect())
}

/// Returns the customers over their limit. Imported data is stored and flagged, never refused.
pub async fn over_limit(tx: &mut Tx, customer_ids: &[Uuid]) -> Result<HashSet<Uuid>> {
    let left = available(tx, customer_ids).await?;
    Ok(left.into_iter().filter(|(_, left)| *left < Money::ZERO).map(|(id, _)| id).collect())
}

/// Returns the current exposure of one customer, for readers.
pub(crate) async fn breakdown(
    conn: &mut Conn,
    customer: Uuid,
    (today, now): (Date, Timestamp),
) -> Result<CreditBreakdown> {
    let (policy, sums) = standing(conn, today, customer, None).await?;
    let allowances = credit_override::in_force(conn, customer, now).await?;
    let allowance = allowances.iter().map(|allowance| allowance.amount).max();
    Ok(policy.judge(&sums, Money::ZERO, allowance, today))
}

async fn standing(
    conn: &mut Conn,
    today: Date,
    customer: Uuid,
    without: Option<Uuid>,
) -> Result<(Policy, Sums)> {
    let mut all = standings(conn, today, &[customer], without).await?;
    all.remove(&customer).ok_or_else(|| Error::internal("a customer that is not there"))
}

async fn standings(
    conn: &mut Conn,
    today: Date,
    customers: &[Uuid],
    without: Option<Uuid>,
) -> Result<HashMap<Uuid, (Policy, Sums)>> {
    if customers.is_empty() {
        return Ok(HashMap::new());
    }
    let settings = Company::load(conn).await?.settings.0;
    let tiers = tiers(conn, customers.iter().copied()).await?;
    let credits = customer_credit::load(conn, customers).await?;
    let sums = open_item::sums(conn, customers, without, today).await?;
    let terms = if settings.get(setting::PREPAID_UNTIL_TERMS) == 0 {
        None
    } else {
        Some(terms_request::with_terms(conn, customers, today).await?)
    };
    let standing = |id: Uuid, tier: Option<Tier>| {
        let prepaid = terms.as_ref().is_some_and(|terms| !terms.contains(&id));
        let policy = Policy::of(&settings, credits.get(&id), tier, prepaid);
        (id, (policy, sums.get(&id).copied().unwrap_or_default()))
    };
    Ok(tiers.into_iter().map(|(id, tier)| standing(id, tier)).collect())
}

impl Sums {
    fn exposure(&self) -> Money {
        Money(self.receivables.0 + self.orders.0 - self.receipts.0)
    }
}

impl Policy {
    pub(crate) fn of(
        settings: &Settings,
        credit: Option<&CustomerCredit>,
        tier: Option<Tier>,
        prepaid: bool,
    ) -> Self {
        // Customers without a tier are treated as those of the lowest one.
        let by_tier = settings.get(match tier {
            Some(Tier::A) => setting::MAX_OVERDUE_DAYS_A,
            Some(Tier::B) => setting::MAX_OVERDUE_DAYS_B,
            Some(Tier::C) | None => setting::MAX_OVERDUE_DAYS_C,
        });
        let own = credit.and_then(|credit| credit.max_overdue_days).map(i64::from);
        Self {
            limit: limit_in_force(settings, credit.and_then(|credit| credit.credit_limit)),
            tolerance_percent: credit.map(|credit| credit.tolerance_percent).unwrap_or_default(),
            max_overdue_days: own.unwrap_or(by_tier),
            threshold: Money(settings.get(setting::OVERDUE_THRESHOLD).into()),
            hold: credit.is_some_and(|credit| credit.hold),
            valid_until: credit.and_then(|credit| credit.valid_until),
            prepaid,
        }
    }

    /// Returns the maximum exposure: the limit including its tolerance.
    fn cap(&self) -> Option<Money> {
        if self.prepaid {
            return Some(Money::ZERO);
        }
        let factor = Decimal::ONE + self.tolerance_percent.0 / Decimal::ONE_HUNDRED;
        self.limit.map(|limit| Money(limit.0 * factor))
    }

    /// Applies the rules. An override covers its amount beyond the limit; if the limit has expired,
    /// or an item is overdue for too long, it covers an order of up to that amount. No override
    /// lifts a hold.
    fn judge(
        &self,
        sums: &Sums,
        this_order: Money,
        allowance: Option<Money>,
        today: Date,
    ) -> CreditBreakdown {
        let exposure = Money(sums.exposure().0 + this_order.0);
        let cap = self.cap();
        let days = |due: Date| {
            let span = due.0.until(today.0).map(|span| i64::from(span.get_days()));
            span.unwrap_or_default()
        };
        let oldest_overdue_days = sums.oldest_due_on.map_or(0, days);
        let override_amount = allowance.unwrap_or_default();
        let beyond = cap.map_or(Money::ZERO, |cap| Money(exposure.0 - cap.0));
        let unborne = allowance.is_none_or(|most| this_order > most);
        let late = oldest_overdue_days > self.max_overdue_days && sums.overdue >= self.threshold;
        let over = if self.prepaid { CreditReason::NoTerms } else { CreditReason::OverLimit };
        let expired = self.valid_until.is_some_and(|day| day < today);
        let reasons = [
            (CreditReason::Hold, self.hold),
            (CreditReason::LimitExpired, expired && unborne),
            (over, beyond > override_amount),
            (CreditReason::Overdue, late && unborne),
        ];
        CreditBreakdown {
            limit: if self.prepaid { Some(Money::ZERO) } else { self.limit },
            tolerance_percent: self.tolerance_percent,
            open_receivables: sums.receivables,
            confirmed_orders: sums.orders,
            this_order,
            unapplied_receipts: sums.receipts,
            exposure,
            available: cap.map(|cap| Money(cap.0 - exposure.0)),
            override_amount,
            oldest_overdue_days,
            overdue_amount: sums.overdue,
            max_overdue_days: self.max_overdue_days,
            reasons: reasons.into_iter().filter(|reason| reason.1).map(|reason| reason.0).collect(),
        }
    }
}

/// Returns the customer's own limit, otherwise the company's default. `None` means no limit.
pub(crate) fn limit_in_force(settings: &Settings, own: Option<Money>) -> Option<Money> {
    let default = settings.optional(setting::CREDIT_DEFAULT_LIMIT).map(|limit| Money(limit.into()));
    own.or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date(jiff::civil::date(2026, 3, 31));

    fn money(text: &str) -> Money {
        Money(text.parse().unwrap())
    }

    fn policy() -> Policy {
        Policy {
            limit: Some(money("1000")),
            tolerance_percent: Number("10".parse().unwrap()),
            max_overdue_days: 15,
            threshold: money("1000"),
            hold: false,
            valid_until: None,
            prepaid: false,
        }
    }

    fn sums() -> Sums {
        let (receivables, orders, receipts) = (money("500"), money("300"), money("100"));
        Sums { receivables, orders, receipts, ..Sums::default() }
    }

    fn reasons(policy: &Policy, sums: &Sums, order: &str, allowance: Option<&str>) -> String {
        let judged = policy.judge(sums, money(order), allowance.map(money), TODAY);
        judged.reasons.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_last_cent_of_the_limit_with_its_tolerance() {
        // 500 + 300 − 100 leaves 400 of 1,100.
        assert_eq!(reasons(&policy(), &sums(), "400", None), "");
        assert_eq!(reasons(&policy(), &sums(), "400.01", None), "over_limit");
        let judged = policy().judge(&sums(), money("400.01"), None, TODAY);
        assert_eq!((judged.exposure, judged.available), (money("1100.01"), Some(money("-0.01"))));
        let none = Policy { limit: None, ..policy() };
        assert_eq!(reasons(&none, &sums(), "999999", None), "");
        let zero = Policy { limit: Some(Money::ZERO), ..policy() };
        assert_eq!(reasons(&zero, &Sums::default(), "0.01", None), "over_limit");
        let paid = Sums { receipts: money("50"), ..Sums::default() };
        assert_eq!(reasons(&zero, &paid, "50", None), "", "prepaid");
    }

    #[test]
    fn an_override_bears_what_it_says_and_lifts_no_hold() {
        assert_eq!(reasons(&policy(), &sums(), "450", Some("50")), "");
        assert_eq!(reasons(&policy(), &sums(), "450.01", Some("50")), "over_limit");
        let held = Policy { hold: true, ..policy() };
        assert_eq!(reasons(&held, &sums(), "1", Some("5000")), "hold");
        let expired =
            Policy { valid_until: Some(Date(jiff::civil::date(2026, 3, 30))), ..policy() };
        assert_eq!(reasons(&expired, &sums(), "50", None), "limit_expired");
        assert_eq!(reasons(&expired, &sums(), "50", Some("50")), "");
        assert_eq!(reasons(&expired, &sums(), "50.01", Some("50")), "limit_expired");
        let last_day = Policy { valid_until: Some(TODAY), ..policy() };
        assert_eq!(reasons(&last_day, &sums(), "50", None), "");
        let prepaid = Policy { prepaid: true, limit: None, ..policy() };
        assert_eq!(reasons(&prepaid, &Sums::default(), "1", None), "no_terms");
    }

    #[test]
    fn what_is_unpaid_for_too_long() {
        let due = |day, overdue| Sums {
            overdue: money(overdue),
            oldest_due_on: Some(Date(jiff::civil::date(2026, 3, day))),
            ..sums()
        };
        assert_eq!(reasons(&policy(), &due(16, "1000"), "1", None), "", "15 days");
        assert_eq!(reasons(&policy(), &due(15, "1000"), "1", None), "overdue");
        assert_eq!(reasons(&policy(), &due(15, "999.99"), "1", None), "");
        assert_eq!(reasons(&policy(), &due(15, "1000"), "1", Some("1")), "");
        let judged = policy().judge(&due(15, "1000"), money("1"), None, TODAY);
        assert_eq!(judged.oldest_overdue_days, 16);
    }
}
