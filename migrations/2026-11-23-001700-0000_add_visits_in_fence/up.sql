-- Where the owner's check-in was, for the report on visits: to look up the check-ins of a year among
-- those of all years takes longer than all the rest of it.
alter table visits add column in_fence boolean not null default false;
update visits set in_fence = true from visit_checks
    where visit_id = visits.id and user_id = owner_id and kind = 'check_in'
        and geo_status = 'in_fence';
-- Without it PostgreSQL expects a group for each day and person, and sorts.
create statistics visits_month (ndistinct)
    on owner_id, (date_trunc('month', planned_date::timestamp)) from visits;
