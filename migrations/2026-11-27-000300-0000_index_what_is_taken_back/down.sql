drop index invoices_cancelled_on_idx;
drop index allocations_reversed_on_idx;
