create table opportunities (
    id uuid constraint opportunities_pkey primary key,
    version bigint not null,
    customer_id uuid not null constraint opportunities_customer_id_fkey references customers,
    -- what it could buy: a line of products, or one of them
    category text,
    product_id uuid constraint opportunities_product_id_fkey references products,
    -- a year, in the company's currency
    potential_amount numeric(20, 6)
        constraint opportunities_potential_check check (potential_amount >= 0),
    next_step text not null,
    next_step_on date not null,
    owner_id uuid not null constraint opportunities_owner_id_fkey references users,
    status text not null constraint opportunities_status_check
        check (status in ('open', 'won', 'lost', 'dropped')),
    reason text,
    ended_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint opportunities_subject_check check (num_nonnulls(category, product_id) = 1)
);
create index opportunities_next_step_idx on opportunities (next_step_on, id);
create index opportunities_created_at_idx on opportunities (created_at, id);
create index opportunities_owner_id_idx on opportunities (owner_id, next_step_on, id);
create index opportunities_customer_id_idx on opportunities (customer_id, next_step_on, id);
create index opportunities_product_id_idx on opportunities (product_id);

-- Customers that are alike: what they buy and this one does not is a gap.
create index customers_alike_idx on customers (tier, industry, region)
    where merged_into_id is null;
