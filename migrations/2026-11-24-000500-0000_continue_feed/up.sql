-- A transaction can wait for another one that began after it. What it then changes stands behind
-- what that one has changed: at the latest number that has ended, if that is above its own. Nothing
-- can appear below the oldest running transaction all the same.
alter table changes alter column xid set default greatest(
    pg_current_xact_id()::text::bigint,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1
);
-- What hangs on a customer that is handed over enters the view of some and leaves that of others.
alter table changes drop constraint changes_op_check;
alter table changes add constraint changes_op_check
    check (op in ('created', 'updated', 'deleted', 'handed_over'));
