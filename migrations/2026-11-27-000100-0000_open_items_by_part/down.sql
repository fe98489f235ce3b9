with whole as (
    select kind, source_id, sum(amount) as amount from open_items
    group by kind, source_id having count(*) > 1
)
update open_items set amount = whole.amount from whole
    where whole.kind = open_items.kind and whole.source_id = open_items.source_id
        and open_items.part = 0;
delete from open_items where part > 0;
alter table open_items drop constraint open_items_pkey;
alter table open_items add constraint open_items_pkey primary key (kind, source_id);
alter table open_items drop column part;
