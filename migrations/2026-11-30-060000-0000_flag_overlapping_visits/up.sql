-- Nobody is at two places at once: visits of one person at the same time have no credible duration.
-- The flag stands at the check-out of their owner.
alter table visit_checks add column overlapping boolean not null default false;

with stays as (
    select visits.id, owner_id, came.occurred_at as begins, went.occurred_at as ends
    from visits
    join visit_checks came
        on came.visit_id = visits.id and came.user_id = owner_id and came.kind = 'check_in'
    join visit_checks went
        on went.visit_id = visits.id and went.user_id = owner_id and went.kind = 'check_out'
    where went.occurred_at < came.occurred_at + interval '12 hours 1 minute'
), judged as (
    select id, owner_id, coalesce(max(ends) over earlier > begins, false)
        or coalesce(lead(begins) over in_order < ends, false) as is_overlapping
    from stays
    window in_order as (partition by owner_id order by begins, ends, id),
        earlier as (in_order rows between unbounded preceding and 1 preceding)
)
update visit_checks set overlapping = true
from judged
where is_overlapping and visit_id = judged.id and user_id = owner_id and kind = 'check_out';

create index visit_checks_overlapping on visit_checks (visit_id) where overlapping;
