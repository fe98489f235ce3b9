-- Of the open cases of two customers that are merged one goes on; the other one names it.
alter table risk_cases drop constraint risk_cases_status_check;
alter table risk_cases add constraint risk_cases_status_check
    check (status in ('open', 'measures', 'recovered', 'written_off', 'merged'));
alter table risk_cases add column merged_into_id uuid
    constraint risk_cases_merged_into_id_fkey references risk_cases
    constraint risk_cases_merged_check check ((merged_into_id is not null) = (status = 'merged'));
