create table cashflow_advice (
    id uuid constraint cashflow_advice_pkey primary key,
    visit_id uuid not null constraint cashflow_advice_visit_id_fkey references visits,
    author_id uuid not null constraint cashflow_advice_author_id_fkey references users,
    topic text not null constraint cashflow_advice_topic_check check (topic in
        ('collections', 'inventory', 'payables', 'financing', 'costs', 'other')),
    advice text not null,
    agreed text,
    created_at timestamptz not null
);
create index cashflow_advice_visit_id_idx on cashflow_advice (visit_id);
create index cashflow_advice_created_at_idx on cashflow_advice (created_at, id);
