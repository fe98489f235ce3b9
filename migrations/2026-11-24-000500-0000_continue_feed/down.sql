delete from changes where op = 'handed_over';
alter table changes drop constraint changes_op_check;
alter table changes add constraint changes_op_check
    check (op in ('created', 'updated', 'deleted'));
alter table changes alter column xid set default pg_current_xact_id()::text::bigint;
