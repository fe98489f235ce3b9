delete from allocations where write_off_id is not null;
drop index allocations_write_off_id_idx;
alter table allocations drop constraint allocations_write_off_id_fkey;
drop table write_off_requests, risk_cases, promises, collection_tasks;
