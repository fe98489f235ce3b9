create table visits (
    id uuid constraint visits_pkey primary key,
    version bigint not null,
    owner_id uuid not null constraint visits_owner_id_fkey references users,
    customer_id uuid not null constraint visits_customer_id_fkey references customers,
    contact_ids uuid[] not null,
    -- who comes along: they see the visit, the owner has the credit
    participant_ids uuid[] not null,
    visit_type text not null constraint visits_visit_type_check check (visit_type in
        ('planned', 'ad_hoc', 'route', 'revisit', 'accompanied', 'inspection')),
    plan_source text not null constraint visits_plan_source_check check (plan_source in
        ('manual', 'import', 'cadence', 'weekly', 'route', 'task')),
    planned_date date not null,
    window_from timestamptz,
    window_to timestamptz,
    purpose text,
    -- by telephone or screen
    remote boolean not null,
    status text not null constraint visits_status_check check (status in
        ('planned', 'in_progress', 'completed', 'cancelled', 'missed', 'abandoned')),
    -- of the last reschedule, cancellation, abandonment, and why it was missed
    reason text,
    rescheduled_from date,
    outcome text constraint visits_outcome_check check (outcome in
        ('ordered', 'promised', 'informed', 'refused', 'absent', 'closed_shop')),
    refuse_reason text constraint visits_refuse_reason_check check (refuse_reason in
        ('price', 'quality', 'delivery', 'competitor', 'no_need', 'no_budget', 'service', 'other')),
    summary text,
    next_action text,
    next_visit_on date,
    complaint_answer boolean,
    duration_min integer,
    validity text constraint visits_validity_check check (validity in
        ('valid', 'invalid', 'pending_review')),
    approved_by uuid,
    follow_up_id uuid constraint visits_follow_up_id_fkey references follow_ups,
    attachment_ids uuid[] not null,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint visits_external_id_key unique (source_system, external_id)
);
create index visits_planned_date_idx on visits (planned_date, id);
create index visits_created_at_idx on visits (created_at, id);
create index visits_owner_id_idx on visits (owner_id, planned_date, id);
create index visits_customer_id_idx on visits (customer_id, planned_date, id);
create index visits_participant_ids_idx on visits using gin (participant_ids);
create index visits_open_idx on visits (planned_date) where status = 'planned';

-- Where and when somebody came and went, each for themself.
create table visit_checks (
    visit_id uuid not null constraint visit_checks_visit_id_fkey references visits,
    user_id uuid not null constraint visit_checks_user_id_fkey references users,
    kind text not null constraint visit_checks_kind_check check (kind in ('check_in', 'check_out')),
    -- a check-in without its check-out
    open boolean not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    latitude double precision,
    longitude double precision,
    accuracy_m double precision,
    fix_age_s double precision,
    mock boolean not null,
    photo_id uuid,
    distance_m integer,
    geo_status text not null constraint visit_checks_geo_status_check check (geo_status in
        ('in_fence', 'out_of_fence', 'low_accuracy', 'stale_fix', 'no_fix', 'mock_suspected',
         'not_located', 'remote')),
    offline_delay_s integer not null,
    constraint visit_checks_pkey primary key (visit_id, user_id, kind)
);
-- Nobody is at two places at once.
create unique index visit_checks_open_key on visit_checks (user_id) where open;

create table coaching_notes (
    id uuid constraint coaching_notes_pkey primary key,
    visit_id uuid not null constraint coaching_notes_visit_id_fkey references visits,
    author_id uuid not null constraint coaching_notes_author_id_fkey references users,
    text text not null,
    score smallint,
    created_at timestamptz not null
);
create index coaching_notes_visit_id_idx on coaching_notes (visit_id, created_at, id);
