-- A visit counts on the day of its owner's check-in, until then on the day it is planned for.
alter table visits add column visited_on date;
update visits set visited_on = (occurred_at at time zone time_zone)::date
    from visit_checks, company
    where visit_id = visits.id and user_id = owner_id and kind = 'check_in';
alter table visits add column visit_date date not null
    generated always as (coalesce(visited_on, planned_date)) stored;
create index visits_visit_date_idx on visits (visit_date);
create index visits_owner_id_visit_date_idx on visits (owner_id, visit_date);
create index visits_customer_id_visit_date_idx on visits (customer_id, visit_date);
drop statistics visits_month;
create statistics visits_month (ndistinct)
    on owner_id, (date_trunc('month', visit_date::timestamp)) from visits;
-- Nobody is still at a visit that is over.
update visit_checks set open = false from visits
    where open and visits.id = visit_id and status not in ('planned', 'in_progress');
