drop table control_balances, allocations, payments, invoices;
drop sequence invoices_number_seq;
drop sequence payments_number_seq;
