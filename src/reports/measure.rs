//! Measurement of targets: the one definition of what counts towards a target, shared by attainment
//! and its explanation. Sales come from the ledger, invoices and payments from [`account_entries`],
//! visits from [`visit_entries`].

use ::targets::target::{Metric, OwnerType};
use access::Caller;
use actix_web::http::StatusCode;
use company::exchange_rate::rate_on;
use diesel::sql_types::{Numeric, Text};
use diesel_async::RunQueryDsl;
use orders::order::Order;
use platform::{Conn, Date, Error, Fault, Money, Result};
use uuid::Uuid;

use crate::filter::{self, LEDGER, STANDS};
use crate::sql::Binds;
use crate::{account_entries, visit_entries};

/// Origin of the figures of a metric.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// Sales ledger, with the sum over its entries that makes the actual
    Sales(&'static str),
    /// Invoices and their payments
    Accounts,
    /// Valid visits
    Visits,
}

/// Returns the origin of the figures of a metric. Fails for metrics that have no figures in the
/// service yet.
pub fn source(metric: Metric) -> Result<Source> {
    Ok(Source::Sales(match metric {
        Metric::OrderedAmount => "sum(entry.amount)",
        Metric::Quantity => "sum(entry.quantity)",
        // An entry with an unknown cost has no margin: the sum skips it.
        Metric::GrossMargin => "sum(entry.amount - entry.cost)",
        Metric::NewCustomers | Metric::NewProductCustomers => {
            "count(distinct entry.customer_id)::numeric"
        }
        Metric::InvoicedAmount | Metric::CollectedAmount => return Ok(Source::Accounts),
        Metric::ValidVisits => return Ok(Source::Visits),
        // There are no contracts yet, and no new target has this metric.
        Metric::SignedAmount => {
            let fault = Fault::new("/metric", "metric_not_available", "not available yet");
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(Error::new(status, "metric_not_available").faults(vec![fault]));
        }
    }))
}

/// Refuses a margin to readers who may not see costs: beside the amount it reveals the cost.
pub fn check(metric: Metric, caller: &Caller) -> Result<()> {
    if metric.is_shown_to(caller) {
        return Ok(());
    }
    let why = "only visible to users who may see costs";
    let fault = Fault::new("/metric", "field_not_readable", why);
    let detail = "Gross margins are visible only to users who may see costs.";
    Err(Error::forbidden_because("field_not_readable", detail).faults(vec![fault]))
}

/// Returns the condition for entries that count for the owner of `target`.
pub fn owns(owner_type: OwnerType) -> &'static str {
    match owner_type {
        OwnerType::Company => "true",
        OwnerType::Team => "entry.team_path @> array[target.owner_id]",
        OwnerType::User => "entry.user_id = target.owner_id",
        OwnerType::Channel => "entry.channel = target.channel",
        OwnerType::Customer => "entry.customer_id = target.owner_id",
    }
}

/// Returns the join of `target` with its owners, and the expressions for their external id and
/// name.
pub fn named(owner_type: OwnerType) -> (&'static str, &'static str, &'static str) {
    match owner_type {
        OwnerType::Company => ("left join company on true", "null", "company.name"),
        OwnerType::Channel => ("", "null", "target.channel"),
        OwnerType::Team => {
            ("left join teams on teams.id = target.owner_id", "teams.external_id", "teams.name")
        }
        OwnerType::User => {
            ("left join users on users.id = target.owner_id", "users.external_id", "users.name")
        }
        OwnerType::Customer => (
            "left join customers on customers.id = target.owner_id",
            "customers.external_id",
            "customers.name",
        ),
    }
}

/// Returns the actual that was recorded when `target` was closed, if the caller sees everything
/// that counts towards it. Everyone who sees the target of a person or a team does. Other targets,
/// such as the company's, show callers only the sales that they may see, and then the recorded
/// actual is null.
pub fn closed(owner_type: OwnerType, caller: Option<&Caller>) -> &'static str {
    let whole = caller.is_none_or(|caller| caller.sees::<Order>().is_everything());
    match owner_type {
        OwnerType::User | OwnerType::Team => "target.closed_actual",
        _ if whole => "target.closed_actual",
        _ => "null::numeric",
    }
}

/// Returns the columns of a target with its value in the company's currency, null without an
/// exchange rate.
pub fn converted() -> String {
    let rate = rate_on("targets.currency", "targets.period_start");
    format!("targets.*, targets.value * {rate} as target")
}

/// Returns `measured`: each of the `wanted` targets with its actual, limited to what the caller may
/// see; without a caller all of it. A closed target keeps the actual recorded at its closing.
pub fn measured(
    owner_type: OwnerType,
    metric: Metric,
    caller: Option<&Caller>,
    until: Option<Date>,
    binds: &mut Binds,
) -> Result<String> {
    caller.map_or(Ok(()), |caller| check(metric, caller))?;
    let closed = closed(owner_type, caller);
    let of_target = match source(metric)? {
        Source::Sales(sum) => {
            let visible = caller.map_or_else(String::new, |caller| filter::visible(caller, binds));
            let entries = entries(owner_type, metric, &visible, until, binds);
            format!(
                "cross join lateral (
                    select count(distinct order_id) filter (where stands) as orders,
                        {sum} as actual
                    from {entries}
                ) as sums"
            )
        }
        Source::Accounts => {
            let sums = account_entries::sums(metric, owner_type, caller, until, binds);
            format!("left join ({sums}) as sums on sums.place = target.place")
        }
        Source::Visits => {
            let sums = visit_entries::sums(owner_type, caller, until, binds);
            format!("left join ({sums}) as sums on sums.place = target.place")
        }
    };

    Ok(format!(
        "measured as materialized (
            select target.*, coalesce(sums.orders, 0) as orders,
                coalesce({closed}, sums.actual, 0) as actual
            from wanted as target {of_target}
        )"
    ))
}

/// Returns the entries that count for `target`: a table `entry` with its conditions, including
/// `visible`. A target that was closed with an actual counts only what had been recorded by then.
pub fn entries(
    owner_type: OwnerType,
    metric: Metric,
    visible: &str,
    until: Option<Date>,
    binds: &mut Binds,
) -> String {
    let owns = owns(owner_type);
    let until = until.map(|day| format!(" and booked_on <= {}", binds.date(day)));
    let first = match metric {
        Metric::NewCustomers => format!(
            " and stands and (customer_id, booked_on) in (
                select customer_id, min(booked_on) from {LEDGER}
                where {STANDS}{visible} group by customer_id)"
        ),
        Metric::NewProductCustomers => new_products(visible),
        _ => String::new(),
    };

    format!(
        "(select *, {STANDS} as stands from {LEDGER}) as entry
        where {owns} and booked_on >= target.period_start and booked_on < target.period_end
            and (target.closed_actual is null or recorded_at <= target.closed_at)
            and case target.dimension
                when 'product' then entry.product_id::text = target.dimension_value
                when 'category' then entry.category = target.dimension_value
                when 'territory' then entry.territory_id::text = target.dimension_value
                when 'region' then entry.region = target.dimension_value
                when 'channel' then entry.channel = target.dimension_value
                else true
            end{visible}{first}{}",
        until.unwrap_or_default()
    )
}

/// Returns the condition that an `entry` is a customer's first purchase of a new product. A product
/// is new until `new_product_days` after anybody first bought it, even in a sale that is not
/// visible: otherwise an old product would be new to a salesperson who sells it late. The product
/// that a target is limited to is always new.
fn new_products(visible: &str) -> String {
    let firsts = format!(
        "select customer_id, product_id, min(booked_on) as booked_on from {LEDGER}
                where {STANDS}{visible} group by customer_id, product_id"
    );

    format!(
        " and stands and (customer_id, product_id, booked_on) in ({firsts})
            and (target.dimension = 'product' or (customer_id, product_id, booked_on) in (
                select customer_id, product_id, booked_on from ({firsts}) as firsts
                join (
                    select product_id, min(booked_on) as since from sales_entries
                    where kind = 'booked' group by product_id
                ) as launched using (product_id)
                where booked_on < since + coalesce((
                    select (settings ->> 'new_product_days')::int from company
                ), 365)
            ))"
    )
}

/// Returns the actual 实绩 of a target with nothing hidden, for its closing. `None` for metrics
/// that have no figures in the service yet.
pub async fn actual(conn: &mut Conn, target: Uuid) -> Result<Option<Money>> {
    let mut binds = Binds::default();
    let id = binds.id(target);
    let kind = format!("select owner_type, metric from targets where id = {id}");
    let Kind { owner_type, metric } = binds.query(&kind).get_result(conn).await?;
    let Ok(measured) = measured(owner_type, metric, None, None, &mut binds) else {
        return Ok(None);
    };
    let actual = format!(
        "with wanted as (select *, 1 as place from targets where id = {id}), {measured}
        select actual from measured"
    );
    let Sum { actual } = binds.query(&actual).get_result(conn).await?;
    Ok(Some(actual))
}

/// The properties that decide how a target is measured.
#[derive(Debug, diesel::QueryableByName)]
pub struct Kind {
    #[diesel(sql_type = Text)]
    pub owner_type: OwnerType,
    #[diesel(sql_type = Text)]
    pub metric: Metric,
}

#[derive(diesel::QueryableByName)]
struct Sum {
    #[diesel(sql_type = Numeric)]
    actual: Money,
}
