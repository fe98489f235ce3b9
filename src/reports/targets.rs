//! The SQL of attainment: the selection of targets, and their rows and sums.

use ::targets::target::{Level, Metric, OwnerType, Target};
use company::Calendar;

use crate::answer::Question;
use crate::attainment::AttainmentQuery;
use crate::{filter, measure};

/// Returns `with … wanted as (…)`: the targets of the report. A team without a target of its own
/// gets the sum of the targets of the people in it and below it. `place` identifies each target.
pub fn wanted(
    question: &mut Question<'_, AttainmentQuery>,
    owner_type: OwnerType,
    any_dimension: bool,
) -> String {
    let source = question.from_source("targets");
    let (own, binds) = (&question.own, &mut question.binds);
    let mut asked = vec![
        "status in ('approved', 'closed')".to_owned(),
        format!("metric = {}", binds.text(own.metric.unwrap_or(Metric::OrderedAmount).as_str())),
        format!("level = {}", binds.text(own.level.unwrap_or(Level::Base).as_str())),
        format!("period_start >= {}", binds.date(question.range.from)),
        format!("period_start < {}", binds.date(question.range.to)),
    ];
    asked
        .extend(own.period_type.map(|kind| format!("period_type = {}", binds.text(kind.as_str()))));

    match own.dimension {
        Some(dimension) => {
            asked.push(format!("dimension = {}", binds.text(dimension.as_str())));
        }
        None if any_dimension => {}
        None => asked.push("dimension is null".to_owned()),
    }

    let value = own.dimension_value.as_ref();
    asked.extend(value.map(|value| format!("dimension_value = {}", binds.text(value))));
    let asked = asked.join(" and ") + &source;
    let visible = filter::sees::<Target>(question.caller, binds);
    let of_owner = own.owner_id.map(|owner| format!(" and owner_id = {}", binds.id(owner)));
    let of_owner = of_owner.unwrap_or_default();

    let columns = "id, owner_id, channel, dimension, dimension_value, period_type,
        period_start, period_end, status, closed_at, closed_actual, target";
    let (of, converted) = (owner_type.as_str(), measure::converted());
    let own_targets = format!(
        "own as (
            select {columns}, 'own' as target_source
            from (
                select {converted} from targets
                where owner_type = '{of}' and {asked}{visible}{of_owner}
            ) as target
        )"
    );

    if owner_type != OwnerType::Team {
        return format!(
            "with {own_targets},
            wanted as materialized (select *, row_number() over () as place from own)"
        );
    }

    let led = match question.caller.reach() {
        Some(_) => format!("owner_id = any({})", question.binds.ids(question.caller.teams())),
        None => "true".to_owned(),
    };
    // A person counts for the team in which they were when the period began, or else for their
    // first team.
    format!(
        "with recursive {own_targets},
        above (team_id, owner_id) as (
            select id, id from teams
            union
            select above.team_id, teams.parent_id from above join teams on teams.id = above.owner_id
            where teams.parent_id is not null
        ),
        members as (
            select above.owner_id, target.dimension, target.dimension_value,
                target.period_type, target.period_start, target.period_end, target.target
            from (select {converted} from targets where owner_type = 'user' and {asked}) as target
            cross join lateral (
                select team_id from memberships where user_id = target.owner_id
                order by (valid_from <= target.period_start
                    and (valid_to is null or valid_to > target.period_start)) desc, valid_from
                limit 1
            ) as place
            join above using (team_id)
        ),
        of_members as (
            select owner_id, dimension, dimension_value, period_type, period_start,
                period_end, case when count(*) = count(target) then sum(target) end as target
            from members where {led}{of_owner}
            group by 1, 2, 3, 4, 5, 6
        ),
        every as (
            select * from own
            union all
            select null, owner_id, null, dimension, dimension_value, period_type,
                period_start, period_end, 'approved', null, null, target, 'members'
            from of_members where not exists (
                select from targets where owner_type = 'team' and {asked}
                    and targets.owner_id = of_members.owner_id
                    and targets.period_type = of_members.period_type
                    and targets.period_start = of_members.period_start
                    and targets.period_end = of_members.period_end
                    and targets.dimension is not distinct from of_members.dimension
                    and targets.dimension_value is not distinct from of_members.dimension_value
            )
        ),
        wanted as materialized (select *, row_number() over () as place from every)"
    )
}

/// Returns one row per target.
pub fn one_by_one(owner_type: OwnerType, as_of: &str) -> String {
    let (join, external_id, name) = measure::named(owner_type);
    let elapsed = Calendar::counted("target.period_start", &format!("({as_of} + 1)"));
    let all = Calendar::counted("target.period_start", "target.period_end");
    // The last working day counts as elapsed, although its work is still to be done.
    let today = Calendar::counted(as_of, &format!("({as_of} + 1)"));
    format!(
        "with progress as (
            select target.*, 100 * actual / nullif(target, 0) as attainment,
                greatest(target - actual, 0) as gap,
                case when running then {elapsed}::numeric end as elapsed,
                case when running then {all}::numeric end as days
            from (
                select *, period_start <= {as_of} and period_end > {as_of} as running from measured
            ) as target
        )
        select target.id as target_id, target.owner_id, {external_id} as owner_external_id,
            {name} as owner_name, target.channel, target.period_type, target.period_start,
            target.period_end, target.dimension, target.dimension_value, target.target_source,
            target.status, target.orders, round(target, 4)::text as target,
            round(actual, 4)::text as actual, round(attainment, 2)::text as attainment_percent,
            round(gap, 4)::text as gap,
            case when attainment is not null then rank() over (rivals order by attainment desc nulls last)
                end as rank,
            rank() over (rivals order by actual desc) as rank_by_actual,
            round(100 * elapsed / nullif(days, 0), 2)::text as time_progress_percent,
            round(attainment - 100 * elapsed / nullif(days, 0), 2)::text as pace,
            case when running then round(gap / nullif(greatest(days - elapsed, {today}), 0), 4) end
                ::text as required_daily
        from progress as target {join}
        window rivals as (partition by target.period_type, target.period_start, target.period_end,
            target.dimension, target.dimension_value)
        order by target.period_start, target.period_end, target.period_type, target.dimension,
            target.dimension_value, rank, rank_by_actual, {external_id} collate \"C\", target.id"
    )
}

/// Returns the sum of each owner's targets by the year in which they begin.
pub fn by_owner_and_year(owner_type: OwnerType) -> String {
    let (join, external_id, name) = measure::named(owner_type);
    format!(
        "with yearly as (
            select owner_id, channel, extract(year from period_start)::int as year,
                sum(target) as target, sum(actual) as actual,
                100 * sum(actual) / nullif(sum(target), 0) as attainment
            from measured group by 1, 2, 3
        )
        select target.owner_id, {external_id} as owner_external_id, {name} as owner_name,
            target.channel, year, round(target.target, 4)::text as target,
            round(actual, 4)::text as actual, round(attainment, 2)::text as attainment_percent,
            case when attainment is not null then
                rank() over (partition by year order by attainment desc nulls last) end as rank
        from yearly as target {join}
        order by year, rank, {external_id} collate \"C\", target.owner_id"
    )
}

/// Sum over the owners of each period.
pub const BY_PERIOD: &str = "
    select period_type, period_start, period_end,
        count(distinct (owner_id, channel)) as people,
        round(sum(target), 4)::text as target, round(sum(actual), 4)::text as actual,
        round(100 * sum(actual) / nullif(sum(target), 0), 2)::text as attainment_percent,
        count(*) filter (where target > 0 and actual >= target) as met
    from measured
    group by period_type, period_start, period_end
    order by period_start, period_end, period_type";
