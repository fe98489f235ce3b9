-- What somebody is to do so that an invoice is paid: made by a job, once per part and step.
create table collection_tasks (
    id uuid constraint collection_tasks_pkey primary key,
    version bigint not null,
    invoice_id uuid not null constraint collection_tasks_invoice_id_fkey references invoices,
    customer_id uuid not null constraint collection_tasks_customer_id_fkey references customers,
    -- who looks after the customer, else the salesperson of the invoice
    assignee_id uuid constraint collection_tasks_assignee_id_fkey references users,
    step text not null constraint collection_tasks_step_check
        check (step in ('before_due', 'first', 'second', 'third', 'last')),
    due_on date not null,
    -- of the invoice, or of its instalment
    invoice_due_on date not null,
    currency text not null,
    -- open when the task was made
    amount numeric(20, 6) not null,
    status text not null constraint collection_tasks_status_check
        check (status in ('open', 'done', 'cancelled')),
    channel text constraint collection_tasks_channel_check
        check (channel in ('visit', 'phone', 'wechat', 'email', 'letter', 'other')),
    result text constraint collection_tasks_result_check check (result in ('paid', 'promised',
        'disputed', 'not_reached', 'refused', 'other')),
    note text,
    done_by uuid,
    ended_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint collection_tasks_step_key unique (invoice_id, invoice_due_on, step)
);
create index collection_tasks_due_on_idx on collection_tasks (due_on, id);
create index collection_tasks_customer_id_idx on collection_tasks (customer_id, due_on, id);
create index collection_tasks_assignee_id_idx on collection_tasks (assignee_id, due_on, id);
create index collection_tasks_open_idx on collection_tasks (invoice_id) where status = 'open';

create table promises (
    id uuid constraint promises_pkey primary key,
    version bigint not null,
    customer_id uuid not null constraint promises_customer_id_fkey references customers,
    -- null: whatever the customer owes
    invoice_id uuid constraint promises_invoice_id_fkey references invoices,
    made_by uuid not null constraint promises_made_by_fkey references users,
    promised_on date not null,
    due_on date not null,
    currency text not null,
    amount numeric(20, 6) not null constraint promises_amount_check check (amount > 0),
    status text not null constraint promises_status_check
        check (status in ('open', 'kept', 'broken', 'withdrawn')),
    -- what came in from promised_on to due_on
    received_amount numeric(20, 6) not null,
    decided_on date,
    note text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index promises_due_on_idx on promises (due_on, id);
create index promises_customer_id_idx on promises (customer_id, due_on, id);
create index promises_made_by_idx on promises (made_by, due_on, id);
create index promises_open_idx on promises (due_on) where status = 'open';

create table risk_cases (
    id uuid constraint risk_cases_pkey primary key,
    version bigint not null,
    customer_id uuid not null constraint risk_cases_customer_id_fkey references customers,
    owner_id uuid not null constraint risk_cases_owner_id_fkey references users,
    trigger text not null constraint risk_cases_trigger_check check (trigger in ('overdue',
        'broken_promises', 'credit_score', 'litigation', 'insolvency', 'other')),
    -- in the company's currency
    amount numeric(20, 6) not null constraint risk_cases_amount_check check (amount >= 0),
    status text not null constraint risk_cases_status_check
        check (status in ('open', 'measures', 'recovered', 'written_off')),
    measure text constraint risk_cases_measure_check
        check (measure in ('remind', 'hold', 'collateral', 'legal', 'write_off')),
    -- [{measure, on, by, note}], oldest first
    measures jsonb not null,
    note text,
    recovered_amount numeric(20, 6) not null,
    opened_on date not null,
    closed_on date,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index risk_cases_opened_on_idx on risk_cases (opened_on, id);
create index risk_cases_customer_id_idx on risk_cases (customer_id, opened_on, id);
create index risk_cases_owner_id_idx on risk_cases (owner_id, opened_on, id);
create index risk_cases_open_idx on risk_cases (customer_id) where closed_on is null;

create table write_off_requests (
    id uuid constraint write_off_requests_pkey primary key,
    version bigint not null,
    invoice_id uuid not null constraint write_off_requests_invoice_id_fkey references invoices,
    customer_id uuid not null constraint write_off_requests_customer_id_fkey references customers,
    risk_case_id uuid constraint write_off_requests_risk_case_id_fkey references risk_cases,
    currency text not null,
    amount numeric(20, 6) not null constraint write_off_requests_amount_check check (amount > 0),
    reason text not null,
    requested_by uuid not null constraint write_off_requests_requested_by_fkey references users,
    status text not null constraint write_off_requests_status_check
        check (status in ('requested', 'approved', 'rejected', 'withdrawn')),
    decided_by uuid,
    decided_on date,
    decision_note text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint write_off_requests_decided_by_check check (decided_by <> requested_by)
);
create index write_off_requests_created_at_idx on write_off_requests (created_at, id);
create index write_off_requests_customer_id_idx on write_off_requests (customer_id, created_at, id);
create index write_off_requests_requested_by_idx on write_off_requests (requested_by, created_at, id);
create index write_off_requests_invoice_id_idx on write_off_requests (invoice_id);
create index write_off_requests_risk_case_id_idx on write_off_requests (risk_case_id);

alter table allocations add constraint allocations_write_off_id_fkey
    foreign key (write_off_id) references write_off_requests;
create index allocations_write_off_id_idx on allocations (write_off_id)
    where write_off_id is not null;
