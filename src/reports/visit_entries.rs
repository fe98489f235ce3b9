//! Ledger of the targets for 有效拜访数: valid visits. A visit counts for its owner, for the
//! owner's team of that day and all teams above it, and for the customer with its territory and
//! region.

use ::targets::target::OwnerType;
use access::Caller;
use platform::Date;
use visits::visit::Visit;

use crate::account_entries::{COUNTS, TEAMS};
use crate::filter;
use crate::measure;
use crate::sql::Binds;

/// Column of the day on which a visit counts.
const DAY: &str = "planned_date";

/// Selects `visit_id, booked_on, user_id, customer_id, team_path, territory_id, region, channel` of
/// the valid visits that match `within` and that the caller, if there is one, may see.
pub fn ledger(
    caller: Option<&Caller>,
    within: impl Fn(&str) -> String,
    binds: &mut Binds,
) -> String {
    let visible = caller.map_or_else(String::new, |caller| filter::sees::<Visit>(caller, binds));
    format!(
        "select it.visit_id, it.booked_on, it.user_id, it.customer_id,
            coalesce(path, '{{}}') as team_path, customers.territory_id, customers.region,
            null::text as channel
        from (
            select id as visit_id, {DAY} as booked_on, owner_id as user_id, customer_id
            from visits where validity = 'valid'{}{visible}
        ) as it
        left join customers on customers.id = it.customer_id{TEAMS}",
        within(DAY)
    )
}

/// Selects `sums (place, orders, actual)` of all `wanted` targets, by place.
pub fn sums(
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

    let ledger = ledger(caller, within, binds);
    // One row per team of the path: an equality, in contrast to `@>`, lets the join use a hash.
    let (teams, owns) = match owner_type {
        OwnerType::Team => {
            (" cross join lateral unnest(team_path) as team_id", "entry.team_id = target.owner_id")
        }
        _ => ("", measure::owns(owner_type)),
    };

    format!(
        "with entries as materialized (select * from ({ledger}) as it{teams})
        select target.place, count(*) as orders, count(*)::numeric as actual
        from wanted as target join entries as entry on {owns} and {COUNTS}
        group by target.place"
    )
}
