-- The schema is as before; where visits count is not undone.
select 1;
