-- Nobody is at two places at once: visits of one person at the same time have no credible duration.
alter table visits add column overlapping boolean not null default false;

with stays as (
    select visits.id, owner_id, came.occurred_at as begins, went.occurred_at as ends
    from visits
    join visit_checks came
        on came.visit_id = visits.id and came.user_id = owner_id and came.kind = 'check_in'
    join visit_checks went
        on went.visit_id = visits.id and went.user_id = owner_id and went.kind = 'check_out'
    where went.occurred_at <= came.occurred_at + interval '12 hours'
), judged as (
    select id, coalesce(max(ends) over earlier > begins, false)
        or coalesce(lead(begins) over in_order < ends, false) as overlapping
    from stays
    window in_order as (partition by owner_id order by begins, ends, id),
        earlier as (in_order rows between unbounded preceding and 1 preceding)
)
update visits set overlapping = true from judged where visits.id = judged.id and judged.overlapping;
