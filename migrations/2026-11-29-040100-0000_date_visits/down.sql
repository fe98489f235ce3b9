drop statistics visits_month;
alter table visits drop column visit_date, drop column visited_on;
create statistics visits_month (ndistinct)
    on owner_id, (date_trunc('month', planned_date::timestamp)) from visits;
