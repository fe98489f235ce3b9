-- Visits of five years in the order of their dates, each with a check-in and a check-out; every
-- 500th is to the first customer. Then visits planned for tomorrow, which the measurement checks in
-- and out: `each` for each of 16 people and each of `blocks` rounds.
-- Variables: customers, visits, blocks, each.
\set ON_ERROR_STOP on
set client_min_messages = warning;
set maintenance_work_mem = '1GB';
set synchronous_commit = off;
set session_replication_role = replica;

create function pg_temp.id(kind int, number bigint) returns uuid immutable language sql as $$
    select (lpad(to_hex(1700000000000 + number), 12, '0') || '7' || lpad(kind::text, 3, '0')
        || '8000' || lpad(to_hex(number), 12, '0'))::uuid
$$;

create temp table indexes as
    select indexname, indexdef from pg_indexes
    where tablename in ('visits', 'visit_checks')
        and not exists (select from pg_constraint where conname = indexname);
select format('drop index %I', indexname) from indexes \gexec

insert into visits (id, version, owner_id, customer_id, contact_ids, participant_ids, visit_type,
        plan_source, planned_date, purpose, remote, status, outcome, summary, complaint_answer,
        duration_min, validity, attachment_ids, created_at, updated_at, in_fence)
    select pg_temp.id(8, n), 3, pg_temp.id(2, 1 + customer % 100), pg_temp.id(5, customer), '{}',
        '{}', 'planned', 'weekly', day, '季度回访', false, 'completed', 'informed', '客户对样品满意',
        false, 30, 'valid', '{}', day, day, true
    from (
        select n, case when n % 500 = 0 then 1 else 1 + n * 7919 % :customers end as customer,
            current_date - 1 - ((:visits - n) * 1825 / :visits)::int as day
        from generate_series(1, :visits::bigint) as n
    ) as it;
insert into visit_checks (visit_id, user_id, kind, open, occurred_at, received_at, latitude,
        longitude, accuracy_m, fix_age_s, mock, distance_m, geo_status, offline_delay_s)
    select visits.id, owner_id, kind, false, planned_date + at, planned_date + at, 31.23, 121.47,
        12, 3, false, 40, 'in_fence', 0
    from visits, (values ('check_in', time '02:00'), ('check_out', time '02:30')) as it (kind, at);

insert into visits (id, version, owner_id, customer_id, contact_ids, participant_ids, visit_type,
        plan_source, planned_date, purpose, remote, status, attachment_ids, created_at, updated_at)
    select pg_temp.id(9, n), 1, pg_temp.id(2, 1 + n / :each % 16), pg_temp.id(5, 1 + n % 1000), '{}',
        '{}', 'planned', 'weekly', current_date + 1, '季度回访', false, 'planned', '{}', now(), now()
    from generate_series(0, :each::bigint * 16 * :blocks - 1) as n;

select indexdef from indexes \gexec
reset session_replication_role;
vacuum analyze visits, visit_checks;
checkpoint;
