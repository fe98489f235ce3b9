drop table customer_merges;
