//! Ledger of the targets for 开票额 and 回款额: invoices and the payments for them, day by day.
//!
//! The invoiced amount is the total of the posted invoices, less that of credit notes, on
//! `invoice_date`; a cancelled invoice is subtracted on `cancelled_on`. The collected amount is
//! defined as in the report `collections`: a payment counts on the day on which it is allocated to
//! an invoice, and is subtracted on the day on which that allocation is reversed. A payment that is
//! not allocated yet does not count.
//!
//! Both amounts are in the company's currency at the rate of the invoice. Both count for the
//! invoice's salesperson, by default the customer's owner on the invoice date. As with the credit
//! of an order, they stay with that salesperson when the customer gets another owner.

use ::targets::target::{Metric, OwnerType};
use access::Caller;
use platform::Date;

use crate::measure;
use crate::sql::Binds;

/// Selects `invoice_id, payment_id, kind, booked_on, amount, user_id, customer_id, team_path,
/// territory_id, region, channel` of the entries that match `within` and that the caller, if there
/// is one, may see. A caller with a limited scope sees the entries of their people, of their
/// people's customers and of their teams, as for orders. `team_path` is the person's team on that
/// day, followed by all teams above it.
pub fn ledger(
    metric: Metric,
    owner_type: OwnerType,
    caller: Option<&Caller>,
    within: impl Fn(&str) -> String,
    binds: &mut Binds,
) -> String {
    let invoice = "customer_id, salesperson_id as user_id, order_id";
    let (booked, reversed) = if metric == Metric::CollectedAmount {
        let used = |kind: &str, day: &str, sign: &str| {
            format!(
                "select invoices.id as invoice_id, payment_id, '{kind}' as kind,
                    a.{day} as booked_on, {sign}a.amount * exchange_rate as amount, {invoice}
                from allocations a join invoices on invoices.id = a.invoice_id
                where payment_id is not null and a.{day} is not null{}",
                within(&format!("a.{day}"))
            )
        };
        (used("booked", "allocated_on", ""), used("reversed", "reversed_on", "-"))
    } else {
        let posted = |kind: &str, day: &str, sign: &str| {
            format!(
                "select id as invoice_id, null::uuid as payment_id, '{kind}' as kind,
                    {day} as booked_on, {sign}case invoices.kind when 'invoice' then total_amount
                        else -total_amount end * exchange_rate as amount, {invoice}
                from invoices where posted_on is not null and {day} is not null{}",
                within(day)
            )
        };
        (posted("booked", "invoice_date", ""), posted("reversed", "cancelled_on", "-"))
    };

    let reach = caller.and_then(Caller::reach_of_accounts);
    let (path, teams) = if reach.is_some() || owner_type == OwnerType::Team {
        ("coalesce(path, '{}')", TEAMS)
    } else {
        ("'{}'::uuid[]", "")
    };

    let visible = match (reach, caller) {
        (Some(people), Some(caller)) => {
            let (people, teams) = (binds.ids(people), binds.ids(caller.teams()));
            format!(
                " where it.user_id = any({people}) or customers.owner_id = any({people})
                    or path && {teams}"
            )
        }
        _ => String::new(),
    };

    format!(
        "select it.invoice_id, payment_id, it.kind, booked_on, it.amount, it.user_id,
            it.customer_id, {path} as team_path, customers.territory_id, customers.region,
            (select channel from orders where orders.id = it.order_id) as channel
        from ({booked} union all {reversed}) as it
        left join customers on customers.id = it.customer_id{teams}{visible}"
    )
}

/// Joins the team that each person belonged to on the day, as for orders. Before the first
/// membership and between two of them, the first one counts. Memberships do not overlap.
pub const TEAMS: &str = "
        left join memberships as stay on stay.user_id = it.user_id
            and booked_on >= stay.valid_from
            and (stay.valid_to is null or booked_on < stay.valid_to)
        left join (
            select distinct on (user_id) user_id, team_id from memberships
            order by user_id, valid_from
        ) as first on first.user_id = it.user_id
        left join (
            with recursive up as (
                select id as team_id, id, 0 as depth from teams
                union all
                select up.team_id, teams.parent_id, up.depth + 1
                from up join teams on teams.id = up.id
                where teams.parent_id is not null and up.depth < 100
            )
            select team_id, array_agg(id order by depth) as path from up group by team_id
        ) as paths on paths.team_id = coalesce(stay.team_id, first.team_id)";

/// Condition on an `entry` of the ledger: it counts towards `target`, apart from the owner.
/// Invoices have no products, so no target by product or category matches.
pub const COUNTS: &str = "booked_on >= target.period_start and booked_on < target.period_end
            and case target.dimension
                when 'territory' then entry.territory_id::text = target.dimension_value
                when 'region' then entry.region = target.dimension_value
                when 'channel' then entry.channel = target.dimension_value
                else target.dimension is null
            end";

/// Selects `sums (place, orders, actual)` of all `wanted` targets, by place. The targets are summed
/// together because no index finds the payments of one person.
pub fn sums(
    metric: Metric,
    owner_type: OwnerType,
    caller: Option<&Caller>,
    until: Option<Date>,
    binds: &mut Binds,
) -> String {
    let until = until.map(|day| binds.date(day));
    let within = |day: &str| {
        let until = until.as_ref().map(|until| format!(" and {day} <= {until}"));
        format!(
            " and {day} >= (select min(period_start) from wanted)
                    and {day} < (select max(period_end) from wanted){}",
            until.unwrap_or_default()
        )
    };

    let ledger = ledger(metric, owner_type, caller, within, binds);
    // One row per team of the path: an equality, in contrast to `@>`, lets the join use a hash.
    let (teams, owns) = match owner_type {
        OwnerType::Team => {
            (" cross join lateral unnest(team_path) as team_id", "entry.team_id = target.owner_id")
        }
        _ => ("", measure::owns(owner_type)),
    };

    format!(
        "with entries as materialized (select * from ({ledger}) as it{teams})
        select target.place, count(distinct invoice_id) filter (where kind = 'booked') as orders,
            sum(amount) as actual
        from wanted as target join entries as entry on {owns} and {COUNTS}
        group by target.place"
    )
}
