-- Advice on cash flow has versions, as everything that the change feed tells.
alter table cashflow_advice
    add column version bigint not null default 1,
    add column updated_at timestamptz;
update cashflow_advice set updated_at = created_at;
alter table cashflow_advice
    alter column version drop default,
    alter column updated_at set not null;
