alter table risk_cases drop column merged_into_id;
update risk_cases
    set status = case when measure is null then 'open' else 'measures' end, closed_on = null
    where status = 'merged';
alter table risk_cases drop constraint risk_cases_status_check;
alter table risk_cases add constraint risk_cases_status_check
    check (status in ('open', 'measures', 'recovered', 'written_off'));
