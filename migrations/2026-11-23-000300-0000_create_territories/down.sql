drop table territories;
