drop table pending_references;
drop table pending_items;
