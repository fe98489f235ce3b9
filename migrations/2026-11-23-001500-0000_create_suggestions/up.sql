create table suggestions (
    id uuid constraint suggestions_pkey primary key,
    version bigint not null,
    customer_id uuid not null constraint suggestions_customer_id_fkey references customers,
    contact_id uuid constraint suggestions_contact_id_fkey references contacts,
    visit_id uuid constraint suggestions_visit_id_fkey references visits,
    category text not null constraint suggestions_category_check
        check (category in ('product', 'service', 'price', 'delivery', 'other')),
    text text not null,
    attachment_ids uuid[] not null,
    -- null for what a program has recorded
    reporter_id uuid constraint suggestions_reporter_id_fkey references users,
    status text not null constraint suggestions_status_check
        check (status in ('new', 'noted', 'adopted', 'declined')),
    answer text,
    answered_by uuid,
    answered_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- whoever suggested something is told what became of it
    constraint suggestions_answer_check
        check (status not in ('adopted', 'declined') or answer is not null)
);
create index suggestions_created_at_idx on suggestions (created_at, id);
create index suggestions_status_idx on suggestions (status, created_at, id);
create index suggestions_customer_id_idx on suggestions (customer_id, created_at, id);
create index suggestions_reporter_id_idx on suggestions (reporter_id, created_at, id);
create index suggestions_contact_id_idx on suggestions (contact_id);
create index suggestions_visit_id_idx on suggestions (visit_id);
