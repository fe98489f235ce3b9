//! The credit check, 信用检查 (RULES 4.9): may a customer owe that much? In three steps, each in a
//! statement of its own: the order is locked, then the customers' rows by [`lock`], then [`check`]
//! sums. A sum in the locking statement would not see what another one has just committed.

use std::collections::{HashMap, HashSet};

use company::Company;
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
    /// Why nothing more goes on credit
    pub enum CreditReason {
        /// 信用冻结
        Hold = "hold",
        /// 额度已过期: the last day of the limit is over
        LimitExpired = "limit_expired",
        /// 超出额度: the exposure is more than the limit with its tolerance
        OverLimit = "over_limit",
        /// 未核准交易条件: prepaid only until terms are approved
        NoTerms = "no_terms",
        /// 逾期: something is unpaid for too long
        Overdue = "overdue",
    }
}

/// What is about to raise what a customer owes.
#[derive(Debug, Clone)]
pub struct Raise {
    pub order_id: Uuid,
    /// Whose overrides do not count: the credited people
    pub order_owner_ids: Vec<Uuid>,
    pub customer_id: Uuid,
    /// In the company's currency: what the order's open item will be
    pub amount: Money,
}

/// An invoice that is about to be posted; amounts in the company's currency.
#[derive(Debug, Clone, Copy)]
pub struct Billed {
    pub invoice_id: Uuid,
    /// What is open of it
    pub amount: Money,
    /// Of that, what its order was not checked for
    pub beyond: Money,
}

/// How a customer's exposure comes about, 信用占用明细; amounts in the company's currency
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CreditBreakdown {
    /// The limit in force; null for none
    pub limit: Option<Money>,
    pub tolerance_percent: Number,
    /// Posted invoices less what was paid and credited
    pub open_receivables: Money,
    /// What is confirmed and not billed, without this order
    pub confirmed_orders: Money,
    /// What the order asked about adds
    pub this_order: Money,
    pub unapplied_receipts: Money,
    /// Receivables + orders + this order − receipts
    pub exposure: Money,
    /// What is left of the limit with its tolerance; null without a limit
    pub available: Option<Money>,
    /// The largest override in force
    pub override_amount: Money,
    /// Days since the oldest unpaid item was due
    pub oldest_overdue_days: i64,
    pub overdue_amount: Money,
    pub max_overdue_days: i64,
    /// Why nothing more goes on credit; empty if it does
    pub reasons: Vec<CreditReason>,
}

/// What a customer's credit goes by at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub limit: Option<Money>,
    pub tolerance_percent: Number,
    pub max_overdue_days: i64,
    /// Less than that is not worth a refusal
    pub threshold: Money,
    pub hold: bool,
    pub valid_until: Option<Date>,
    /// It has no terms, and without them there is no credit
    pub prepaid: bool,
}

/// Takes the rows of these customers, in the order of their ids, until the end of the transaction;
/// makes those that are missing. Orders and customers are locked before, invoices and payments after,
/// but those that a batch has just made: nobody else can have them yet.
pub async fn lock(tx: &mut Tx, customer_ids: &[Uuid]) -> Result<()> {
    customer_credit::lock(tx, customer_ids).await
}

/// Refuses what the customer's credit does not bear: 409 `credit_limit_exceeded` with the
/// breakdown. Call it after [`lock`]. What lowers the exposure always goes.
pub async fn check(tx: &mut Tx, raise: &Raise) -> Result<()> {
    if raise.amount <= Money::ZERO {
        return Ok(());
    }
    let (today, customer) = (tx.today, raise.customer_id);
    let (policy, sums) = standing(tx.conn(), today, customer, Some(raise.order_id)).await?;
    decide(tx, &policy, &sums, (customer, &raise.order_owner_ids, raise.amount)).await
}

/// The same for an invoice that the open items know of already: refuses what goes beyond the order
/// that was checked for it. Call it after they are kept; what is refused is undone with the
/// transaction.
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
    // It is not late itself before it is there.
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
    let others = |it: &&Allowance| !owners.contains(&it.by);
    let allowance = allowances.iter().filter(others).map(|it| it.amount).max();
    let breakdown = policy.judge(sums, amount, allowance, today);
    if breakdown.reasons.is_empty() { Ok(()) } else { Err(refusal(&breakdown)?) }
}

fn refusal(breakdown: &CreditBreakdown) -> Result<Error> {
    let detail = "the customer's credit does not bear this";
    let members = serde_json::to_value(breakdown).map_err(Error::internal)?;
    let Value::Object(members) = members else { return Err(Error::internal("no object")) };
    let refusal = Error::conflict("credit_limit_exceeded", detail);
    Ok(members.into_iter().fold(refusal, |error, (name, value)| error.member(&name, value)))
}

/// What is left of each limit with its tolerance, as things stand; nothing for customers without a
/// limit.
pub async fn available(tx: &mut Tx, customer_ids: &[Uuid]) -> Result<HashMap<Uuid, Money>> {
    let today = tx.today;
    let standings = standings(tx.conn(), today, customer_ids, None).await?;
    let left = standings.into_iter().filter_map(|(id, (policy, sums))| {
        let cap = policy.cap()?;
        Some((id, Money(cap.0 - sums.exposure().0)))
    });
    Ok(left.collect())
}

/// Which of these customers owe more than their limit with its tolerance: for facts from elsewhere,
/// which are stored all the same and flagged.
pub async fn over_limit(tx: &mut Tx, customer_ids: &[Uuid]) -> Result<HashSet<Uuid>> {
    let left = available(tx, customer_ids).await?;
    Ok(left.into_iter().filter(|it| it.1 < Money::ZERO).map(|it| it.0).collect())
}

/// How things stand with one customer, for readers.
pub(crate) async fn breakdown(
    conn: &mut Conn,
    customer: Uuid,
    (today, now): (Date, Timestamp),
) -> Result<CreditBreakdown> {
    let (policy, sums) = standing(conn, today, customer, None).await?;
    let allowances = credit_override::in_force(conn, customer, now).await?;
    let allowance = allowances.iter().map(|it| it.amount).max();
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
    let terms = if settings.get("prepaid_until_terms") == 0 {
        None
    } else {
        Some(terms_request::with_terms(conn, customers, today).await?)
    };
    let standing = |id: Uuid, tier: Option<Tier>| {
        let prepaid = terms.as_ref().is_some_and(|it| !it.contains(&id));
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
        settings: &company::setting::Settings,
        credit: Option<&CustomerCredit>,
        tier: Option<Tier>,
        prepaid: bool,
    ) -> Self {
        // Without a tier as the lowest one has it.
        let by_tier = settings.get(match tier {
            Some(Tier::A) => "max_overdue_days_a",
            Some(Tier::B) => "max_overdue_days_b",
            Some(Tier::C) | None => "max_overdue_days_c",
        });
        let own = credit.and_then(|it| it.max_overdue_days).map(i64::from);
        Self {
            limit: limit_in_force(settings, credit.and_then(|it| it.credit_limit)),
            tolerance_percent: credit.map(|it| it.tolerance_percent).unwrap_or_default(),
            max_overdue_days: own.unwrap_or(by_tier),
            threshold: Money(settings.get("overdue_threshold").into()),
            hold: credit.is_some_and(|it| it.hold),
            valid_until: credit.and_then(|it| it.valid_until),
            prepaid,
        }
    }

    /// The most that may be owed: the limit with its tolerance.
    fn cap(&self) -> Option<Money> {
        if self.prepaid {
            return Some(Money::ZERO);
        }
        let factor = Decimal::ONE + self.tolerance_percent.0 / Decimal::ONE_HUNDRED;
        self.limit.map(|limit| Money(limit.0 * factor))
    }

    /// The rule itself. An override bears what it says beyond the limit; where the limit is over,
    /// or something unpaid for too long, it bears an order of that amount. No override lifts a
    /// hold.
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
        let reasons = [
            (CreditReason::Hold, self.hold),
            (CreditReason::LimitExpired, self.valid_until.is_some_and(|it| it < today) && unborne),
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
            reasons: reasons.into_iter().filter(|it| it.1).map(|it| it.0).collect(),
        }
    }
}

/// A customer's own limit, or the company's; nothing for none.
pub(crate) fn limit_in_force(
    settings: &company::setting::Settings,
    own: Option<Money>,
) -> Option<Money> {
    let default = settings.optional("credit_default_limit").map(|it| Money(it.into()));
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
