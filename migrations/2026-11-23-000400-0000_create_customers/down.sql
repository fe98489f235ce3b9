drop table contacts, customer_transfers, customers;
drop sequence customers_code_seq;
