drop table source_items;
