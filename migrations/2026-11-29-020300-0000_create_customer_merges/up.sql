-- What came to a customer with another one, so that a merge can be undone.
create table customer_merges (
    id uuid constraint customer_merges_pkey primary key,
    winner_id uuid not null constraint customer_merges_winner_id_fkey references customers,
    loser_id uuid not null constraint customer_merges_loser_id_fkey references customers,
    -- rows of any table, whose ids are unique among all
    moved uuid[] not null,
    primary_contact_id uuid,
    merged_at timestamptz not null,
    undone_at timestamptz
);
create index customer_merges_winner_id_idx on customer_merges (winner_id, merged_at);
create index customer_merges_loser_id_idx on customer_merges (loser_id, merged_at);
