create table complaints (
    id uuid constraint complaints_pkey primary key,
    version bigint not null,
    number text collate "C" not null,
    customer_id uuid not null constraint complaints_customer_id_fkey references customers,
    contact_id uuid constraint complaints_contact_id_fkey references contacts,
    channel text not null constraint complaints_channel_check
        check (channel in ('visit', 'phone', 'wechat', 'email', 'portal', 'other')),
    visit_id uuid constraint complaints_visit_id_fkey references visits,
    category text not null constraint complaints_category_check check (category in ('quality',
        'delivery', 'price', 'service_attitude', 'document', 'after_sales', 'other')),
    severity text not null constraint complaints_severity_check
        check (severity in ('general', 'major', 'urgent')),
    product_id uuid constraint complaints_product_id_fkey references products,
    -- a flag, no reason to refuse: what was sold may have come another way
    product_not_sold boolean not null,
    asset_id uuid,
    order_id uuid constraint complaints_order_id_fkey references orders,
    batch_no text,
    description text not null,
    attachment_ids uuid[] not null,
    status text not null constraint complaints_status_check check (status in ('registered',
        'accepted', 'in_progress', 'pending_customer', 'resolved', 'closed', 'rejected',
        'withdrawn')),
    status_reason text,
    -- null for what a program has registered
    reporter_id uuid constraint complaints_reporter_id_fkey references users,
    owner_id uuid constraint complaints_owner_id_fkey references users,
    about_user_id uuid constraint complaints_about_user_id_fkey references users,
    repeat_of_id uuid constraint complaints_repeat_of_id_fkey references complaints,
    reopenings smallint not null,
    -- the quality department sees it from then on
    dispatched_at timestamptz,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint complaints_owner_check check (owner_id <> about_user_id),
    constraint complaints_external_id_key unique (source_system, external_id),
    constraint complaints_number_key unique nulls not distinct (source_system, number)
);
create sequence complaints_number_seq;
create index complaints_created_at_idx on complaints (created_at, id);
create index complaints_status_idx on complaints (status, created_at, id);
create index complaints_customer_id_idx on complaints (customer_id, created_at, id);
create index complaints_owner_id_idx on complaints (owner_id, created_at, id);
create index complaints_reporter_id_idx on complaints (reporter_id, created_at, id);
create index complaints_product_id_idx on complaints (product_id, created_at, id);
create index complaints_contact_id_idx on complaints (contact_id);
create index complaints_order_id_idx on complaints (order_id);
create index complaints_visit_id_idx on complaints (visit_id);
create index complaints_repeat_of_id_idx on complaints (repeat_of_id);
create index complaints_dispatched_at_idx on complaints (dispatched_at, id)
    where dispatched_at is not null;

-- A complaint's service level: what is due when, and what came when. One row per complaint.
create table complaint_clocks (
    complaint_id uuid constraint complaint_clocks_pkey primary key
        constraint complaint_clocks_complaint_id_fkey references complaints,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    sla_started_at timestamptz not null,
    first_response_due timestamptz not null,
    first_response_at timestamptz,
    interim_due timestamptz,
    interim_at timestamptz,
    -- later than sla_started_at once the complaint has been reopened
    resolve_started_at timestamptz not null,
    resolve_due timestamptz not null,
    resolved_at timestamptz,
    closed_at timestamptz,
    reopened_at timestamptz,
    paused_since timestamptz,
    -- [{from, to}]: when it was with the customer
    pauses jsonb not null,
    paused_minutes bigint not null,
    first_response_breached boolean not null,
    interim_breached boolean not null,
    resolve_breached boolean not null,
    escalation_level smallint not null constraint complaint_clocks_level_check
        check (escalation_level between 0 and 3),
    escalation_reason text,
    escalated_at timestamptz,
    -- the customer was of tier A: half the time for the first response
    halved boolean not null,
    -- resolved, rejected or withdrawn: nothing is due any more
    ended_at timestamptz,
    -- when the job has to look at it again
    next_check_at timestamptz
);
create index complaint_clocks_next_check_at_idx on complaint_clocks (next_check_at, complaint_id)
    where next_check_at is not null;
create index complaint_clocks_resolve_due_idx on complaint_clocks (resolve_due, complaint_id);

-- How a complaint was settled, and that it was filed. One row per complaint.
create table complaint_settlements (
    complaint_id uuid constraint complaint_settlements_pkey primary key
        constraint complaint_settlements_complaint_id_fkey references complaints,
    resolution_mode text constraint complaint_settlements_mode_check
        check (resolution_mode in ('on_the_spot', 'office')),
    resolution text,
    root_cause text,
    compensation_amount numeric(20, 6) constraint complaint_settlements_amount_check
        check (compensation_amount >= 0),
    compensation_currency text,
    filing_due timestamptz not null,
    filed_no text collate "C" constraint complaint_settlements_filed_no_key unique,
    filed_by uuid,
    filed_at timestamptz,
    customer_informed boolean not null,
    customer_confirmed_by text constraint complaint_settlements_confirmed_check
        check (customer_confirmed_by in ('signature', 'call', 'link')),
    customer_confirmed_at timestamptz,
    follow_up_call_at timestamptz,
    satisfaction smallint constraint complaint_settlements_satisfaction_check
        check (satisfaction between 1 and 5)
);

-- The number last given to a filing of a year: no gaps, so it is no sequence.
create table complaint_filing_years (
    year smallint constraint complaint_filing_years_pkey primary key,
    last integer not null
);

create table complaint_proposals (
    id uuid constraint complaint_proposals_pkey primary key,
    complaint_id uuid not null
        constraint complaint_proposals_complaint_id_fkey references complaints,
    text text not null,
    cost numeric(20, 6) constraint complaint_proposals_cost_check check (cost >= 0),
    currency text,
    customer_informed boolean not null,
    by uuid not null,
    at timestamptz not null
);
create index complaint_proposals_complaint_id_idx on complaint_proposals (complaint_id, at, id);
