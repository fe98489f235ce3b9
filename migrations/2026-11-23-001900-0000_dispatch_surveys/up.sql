-- The results go to those who have to act on them within five working days of the closing.
alter table surveys add column dispatch_due_on date;
alter table surveys add column dispatched_at timestamptz;
alter table surveys add column dispatched_by uuid;
update surveys set dispatch_due_on = (
    select day::date
    from generate_series(
            (closed_at at time zone (select time_zone from company))::date + 1,
            (closed_at at time zone (select time_zone from company))::date + 60,
            interval '1 day') as day
    left join holidays on holidays.date = day::date
    where case holidays.kind when 'working' then true when 'holiday' then false
        else extract(isodow from day) < 6 end
    order by day offset 4 limit 1
)
where closed_at is not null;
alter table surveys add constraint surveys_dispatched_check
    check (dispatched_at is null or status = 'closed');
