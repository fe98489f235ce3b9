drop index customers_alike_idx;
drop table opportunities;
