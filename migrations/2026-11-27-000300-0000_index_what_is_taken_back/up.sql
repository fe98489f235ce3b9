-- What was taken back on some days, for what was collected and invoiced in them: few among many.
create index allocations_reversed_on_idx on allocations (reversed_on) where reversed_on is not null;
create index invoices_cancelled_on_idx on invoices (cancelled_on) where cancelled_on is not null;
