-- One row per customer: how far it may owe us. It is also the lock that whoever changes what the
-- customer owes takes first; version 0 means that it is there for that only.
create table customer_credits (
    -- the customer's
    id uuid constraint customer_credits_pkey primary key
        constraint customer_credits_id_fkey references customers,
    version bigint not null,
    -- in the company's currency; null for the company's default, 0 for prepaid only
    credit_limit numeric(20, 6) constraint customer_credits_limit_check check (credit_limit >= 0),
    tolerance_percent numeric(11, 6) not null constraint customer_credits_tolerance_check
        check (tolerance_percent between 0 and 100),
    -- null for what the tier has
    max_overdue_days integer constraint customer_credits_overdue_check
        check (max_overdue_days between 0 and 3650),
    hold boolean not null,
    hold_reason text,
    -- the last day of the limit
    valid_until date,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- What a customer owes us and what it will: kept by whoever changes an order, an invoice or a
-- payment, in the same transaction. In the company's currency; receipts and credit notes negative.
create table open_items (
    kind text not null constraint open_items_kind_check
        check (kind in ('order', 'invoice', 'receipt')),
    source_id uuid not null,
    customer_id uuid not null constraint open_items_customer_id_fkey references customers,
    due_on date,
    amount numeric(20, 6) not null constraint open_items_amount_check check (amount <> 0),
    constraint open_items_pkey primary key (kind, source_id)
);
create index open_items_customer_id_idx on open_items (customer_id);

-- How much more than the limit somebody answers for, for some days.
create table credit_overrides (
    id uuid constraint credit_overrides_pkey primary key,
    version bigint not null,
    customer_id uuid not null constraint credit_overrides_customer_id_fkey references customers,
    amount numeric(20, 6) not null constraint credit_overrides_amount_check check (amount > 0),
    reason text not null,
    expires_at timestamptz not null,
    created_by uuid not null,
    revoked_at timestamptz,
    revoked_by uuid,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index credit_overrides_customer_id_idx on credit_overrides (customer_id, created_at, id);

create table credit_investigations (
    id uuid constraint credit_investigations_pkey primary key,
    version bigint not null,
    customer_id uuid not null
        constraint credit_investigations_customer_id_fkey references customers,
    status text not null constraint credit_investigations_status_check
        check (status in ('requested', 'investigating', 'concluded', 'expired')),
    reason text not null,
    requested_by uuid not null,
    investigator_id uuid,
    sources text[] not null,
    registered_capital numeric(20, 6) constraint credit_investigations_capital_check
        check (registered_capital >= 0),
    lawsuits text,
    payment_history text,
    score smallint constraint credit_investigations_score_check check (score between 0 and 100),
    recommended_limit numeric(20, 6) constraint credit_investigations_limit_check
        check (recommended_limit >= 0),
    concluded_on date,
    -- the last day on which a limit can rest on it
    valid_until date,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index credit_investigations_created_at_idx on credit_investigations (created_at, id);
create index credit_investigations_customer_id_idx
    on credit_investigations (customer_id, created_at, id);
create index credit_investigations_valid_until_idx on credit_investigations (valid_until, id)
    where status = 'concluded';

-- What was asked for and decided; those that are approved are the customer's terms from valid_from
-- on.
create table terms_requests (
    id uuid constraint terms_requests_pkey primary key,
    version bigint not null,
    customer_id uuid not null constraint terms_requests_customer_id_fkey references customers,
    status text not null constraint terms_requests_status_check
        check (status in ('draft', 'submitted', 'approved', 'rejected', 'withdrawn')),
    payment_days integer not null constraint terms_requests_days_check
        check (payment_days between 0 and 365),
    credit_limit numeric(20, 6) not null constraint terms_requests_limit_check
        check (credit_limit >= 0),
    price_list text,
    delivery_term text,
    min_order_amount numeric(20, 6) constraint terms_requests_minimum_check
        check (min_order_amount >= 0),
    returns_policy text,
    deposit_percent numeric(11, 6) constraint terms_requests_deposit_check
        check (deposit_percent between 0 and 100),
    -- from which day on; the day of the approval at the earliest
    valid_from date not null,
    reason text not null,
    requested_by uuid not null,
    -- what the approval rests on
    investigation_id uuid
        constraint terms_requests_investigation_id_fkey references credit_investigations,
    decided_by uuid,
    decided_at timestamptz,
    decision_reason text,
    -- when the limit became the customer's
    applied_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index terms_requests_created_at_idx on terms_requests (created_at, id);
create index terms_requests_customer_id_idx on terms_requests (customer_id, valid_from, id);
create index terms_requests_due_idx on terms_requests (valid_from, id)
    where status = 'approved' and applied_at is null;
