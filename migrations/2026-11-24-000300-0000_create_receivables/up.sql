create table invoices (
    id uuid constraint invoices_pkey primary key,
    version bigint not null,
    kind text not null constraint invoices_kind_check check (kind in ('invoice', 'credit_note')),
    number text collate "C" not null,
    customer_id uuid not null constraint invoices_customer_id_fkey references customers,
    order_id uuid constraint invoices_order_id_fkey references orders,
    corrects_invoice_id uuid
        constraint invoices_corrects_invoice_id_fkey references invoices,
    salesperson_id uuid constraint invoices_salesperson_id_fkey references users,
    invoice_date date not null,
    due_date date not null,
    currency text not null,
    -- to the company's currency on invoice_date
    exchange_rate numeric(20, 10) not null,
    amount numeric(20, 6) not null,
    tax_amount numeric(20, 6) not null,
    -- what is owed, or for a credit note given back
    total_amount numeric(20, 6) not null,
    disputed boolean not null,
    -- [{due_date, amount}] by due date; together the total
    instalments jsonb not null,
    status text not null constraint invoices_status_check
        check (status in ('draft', 'posted', 'cancelled')),
    status_reason text,
    -- null for what never counted
    posted_on date,
    cancelled_on date,
    -- what is kept: negative for a credit note that is not used up
    open_amount numeric(20, 6) not null,
    -- the day of the last effect that made it zero; null while open
    closed_on date,
    -- of the earliest part that is not paid
    next_due_on date,
    -- a fact from elsewhere that the customer's credit did not bear
    credit_exceeded boolean not null,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint invoices_open_amount_check check (
        kind = 'invoice' and open_amount between 0 and total_amount
        or kind = 'credit_note' and open_amount between -total_amount and 0),
    constraint invoices_external_id_key unique (source_system, external_id),
    constraint invoices_number_key unique nulls not distinct (source_system, number)
);
create sequence invoices_number_seq;
create index invoices_invoice_date_idx on invoices (invoice_date, id);
create index invoices_due_date_idx on invoices (due_date, id);
create index invoices_customer_id_idx on invoices (customer_id, invoice_date, id);
create index invoices_salesperson_id_idx on invoices (salesperson_id, invoice_date, id);
create index invoices_order_id_idx on invoices (order_id) where order_id is not null;
create index invoices_corrects_invoice_id_idx on invoices (corrects_invoice_id)
    where corrects_invoice_id is not null;
create index invoices_number_idx on invoices (number, id);
-- What is open on a day is open now or was closed after it: the cost follows the open items, and
-- those that are open now are read without their rows, which lie anywhere among the paid ones.
create index invoices_closed_on_idx on invoices (closed_on)
    where posted_on is not null and closed_on is not null;
create index invoices_open_idx on invoices (customer_id, id)
    include (kind, number, salesperson_id, invoice_date, due_date, currency, exchange_rate,
        total_amount, open_amount, disputed)
    where posted_on is not null and closed_on is null and instalments = '[]';
create index invoices_open_in_parts_idx on invoices (customer_id, id)
    where posted_on is not null and closed_on is null and instalments <> '[]';
create index invoices_next_due_on_idx on invoices (next_due_on, id)
    where next_due_on is not null;

create table payments (
    id uuid constraint payments_pkey primary key,
    version bigint not null,
    number text collate "C" not null,
    customer_id uuid not null constraint payments_customer_id_fkey references customers,
    received_on date not null,
    currency text not null,
    -- to the company's currency on received_on
    exchange_rate numeric(20, 10) not null,
    amount numeric(20, 6) not null constraint payments_amount_check check (amount > 0),
    method text not null constraint payments_method_check check (method in ('bank_transfer',
        'cash', 'cheque', 'acceptance_bill', 'card', 'online', 'offset', 'other')),
    note text,
    reversed_on date,
    reversal_reason text,
    -- what is kept of it: not yet used for an invoice, zero once reversed
    unapplied_amount numeric(20, 6) not null,
    -- the day of the last effect that made it zero; null while some is unapplied
    closed_on date,
    -- the day on which it became known here
    recorded_on date not null,
    -- taken back although the customer's credit does not bear that
    credit_exceeded boolean not null,
    -- of the invoices that it pays: who may see it
    salesperson_ids uuid[] not null,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint payments_unapplied_amount_check check (unapplied_amount between 0 and amount),
    constraint payments_external_id_key unique (source_system, external_id),
    constraint payments_number_key unique nulls not distinct (source_system, number)
);
create sequence payments_number_seq;
create index payments_received_on_idx on payments (received_on, id);
create index payments_customer_id_idx on payments (customer_id, received_on, id);
create index payments_number_idx on payments (number, id);
create index payments_salesperson_ids_idx on payments using gin (salesperson_ids);
create index payments_closed_on_idx on payments (closed_on) where closed_on is not null;
create index payments_unapplied_idx on payments (customer_id, received_on, id)
    include (number, currency, exchange_rate, amount, unapplied_amount, recorded_on)
    where closed_on is null;

-- What makes an invoice smaller, from which day on: money, a credit note, a write-off. Taken back
-- by its reversal, never deleted but by the correction of an ERP.
create table allocations (
    id uuid constraint allocations_pkey primary key,
    invoice_id uuid not null constraint allocations_invoice_id_fkey references invoices,
    payment_id uuid constraint allocations_payment_id_fkey references payments,
    credit_note_id uuid constraint allocations_credit_note_id_fkey references invoices,
    write_off_id uuid,
    amount numeric(20, 6) not null constraint allocations_amount_check check (amount > 0),
    allocated_on date not null,
    reversed_on date,
    constraint allocations_source_check
        check (num_nonnulls(payment_id, credit_note_id, write_off_id) = 1)
);
create index allocations_invoice_id_idx on allocations (invoice_id);
create index allocations_payment_id_idx on allocations (payment_id) where payment_id is not null;
create index allocations_credit_note_id_idx on allocations (credit_note_id)
    where credit_note_id is not null;
create index allocations_allocated_on_idx on allocations (allocated_on);

-- What the ERP's books say on a day, to compare with.
create table control_balances (
    id uuid constraint control_balances_pkey primary key,
    version bigint not null,
    -- null: the whole company
    customer_id uuid constraint control_balances_customer_id_fkey references customers,
    as_of date not null,
    currency text not null,
    amount numeric(20, 6) not null,
    source_system text,
    external_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint control_balances_external_id_key unique (source_system, external_id),
    constraint control_balances_day_key
        unique nulls not distinct (customer_id, as_of, currency)
);
create index control_balances_as_of_idx on control_balances (as_of, id);
