alter table cashflow_advice
    drop column updated_at,
    drop column version;
