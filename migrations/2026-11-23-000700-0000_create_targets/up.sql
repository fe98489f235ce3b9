create table targets (
    id uuid constraint targets_pkey primary key,
    version bigint not null,
    owner_type text not null constraint targets_owner_type_check
        check (owner_type in ('company', 'team', 'user', 'channel', 'customer')),
    -- a team, a user or a customer; no foreign key can say which
    owner_id uuid,
    channel text,
    metric text not null constraint targets_metric_check check (metric in ('signed_amount',
        'ordered_amount', 'invoiced_amount', 'collected_amount', 'quantity', 'gross_margin',
        'new_customers', 'valid_visits', 'new_product_customers')),
    level text not null
        constraint targets_level_check check (level in ('base', 'stretch', 'challenge')),
    dimension text constraint targets_dimension_check
        check (dimension in ('product', 'category', 'territory', 'region', 'channel')),
    dimension_value text,
    period_type text not null constraint targets_period_type_check
        check (period_type in ('year', 'quarter', 'month', 'week', 'day', 'custom')),
    period_start date not null,
    -- exclusive
    period_end date not null,
    value numeric(20, 6) not null constraint targets_value_check check (value >= 0),
    currency text,
    parent_id uuid constraint targets_parent_id_fkey references targets,
    status text not null
        constraint targets_status_check check (status in ('draft', 'approved', 'closed')),
    reason text,
    authored_by uuid not null,
    approved_by uuid,
    approved_at timestamptz,
    closed_at timestamptz,
    -- what was reached when it was closed; later corrections do not change it
    closed_actual numeric(20, 6),
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint targets_period_check check (period_end > period_start),
    constraint targets_external_id_key unique (source_system, external_id),
    constraint targets_subject_key unique nulls not distinct (owner_type, owner_id, channel,
        metric, level, dimension, dimension_value, period_type, period_start, period_end)
);
create index targets_period_start_idx on targets (period_start, id);
create index targets_created_at_idx on targets (created_at, id);
create index targets_owner_id_idx on targets (owner_id, period_start, id);
create index targets_parent_id_idx on targets (parent_id);
