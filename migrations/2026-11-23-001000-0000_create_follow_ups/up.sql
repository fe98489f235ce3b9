create table follow_ups (
    id uuid constraint follow_ups_pkey primary key,
    version bigint not null,
    customer_id uuid not null constraint follow_ups_customer_id_fkey references customers,
    assignee_id uuid not null constraint follow_ups_assignee_id_fkey references users,
    -- the nil id when the service itself assigned it
    assigned_by uuid not null,
    source text not null constraint follow_ups_source_check
        check (source in ('office', 'visit', 'survey', 'complaint')),
    source_id uuid,
    instruction text not null,
    status text not null constraint follow_ups_status_check check (status in
        ('assigned', 'accepted', 'in_progress', 'submitted', 'returned', 'done', 'cancelled')),
    due_at timestamptz not null,
    -- what it was before the one extension
    extended_from timestamptz,
    result text,
    submitted_at timestamptz,
    ended_at timestamptz,
    -- of the last extension, return or cancellation
    reason text,
    -- when the leader was told that it is late
    escalated_at timestamptz,
    attachment_ids uuid[] not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index follow_ups_due_at_idx on follow_ups (due_at, id);
create index follow_ups_assignee_id_idx on follow_ups (assignee_id, due_at, id);
create index follow_ups_assigned_by_idx on follow_ups (assigned_by, due_at, id);
create index follow_ups_customer_id_idx on follow_ups (customer_id, due_at, id);
create index follow_ups_late_idx on follow_ups (due_at)
    where status in ('assigned', 'accepted', 'in_progress', 'returned') and escalated_at is null;
