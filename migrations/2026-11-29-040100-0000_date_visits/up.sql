-- A visit counts on the day of its owner's check-in.
update visits
    set rescheduled_from = planned_date,
        planned_date = (occurred_at at time zone time_zone)::date
    from visit_checks, company
    where visit_id = visits.id and user_id = owner_id and kind = 'check_in'
        and planned_date <> (occurred_at at time zone time_zone)::date;
-- Nobody is still at a visit that is over.
update visit_checks set open = false from visits
    where open and visits.id = visit_id and status not in ('planned', 'in_progress');
