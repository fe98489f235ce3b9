create table surveys (
    id uuid constraint surveys_pkey primary key,
    version bigint not null,
    title_zh text not null,
    title_en text not null,
    kind text not null constraint surveys_kind_check check (kind in ('csat', 'nps', 'mixed')),
    -- at most 30, in the order in which they are asked
    questions jsonb not null,
    link_days integer not null
        constraint surveys_link_days_check check (link_days between 1 and 90),
    status text not null
        constraint surveys_status_check check (status in ('draft', 'open', 'closed')),
    authored_by uuid not null,
    opened_at timestamptz,
    closed_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index surveys_created_at_idx on surveys (created_at, id);

create table survey_invitations (
    id uuid constraint survey_invitations_pkey primary key,
    version bigint not null,
    survey_id uuid not null constraint survey_invitations_survey_id_fkey references surveys,
    customer_id uuid not null
        constraint survey_invitations_customer_id_fkey references customers,
    -- no foreign key: a contact can be deleted
    contact_id uuid,
    -- as they were when the sample was drawn
    tier text constraint survey_invitations_tier_check check (tier in ('A', 'B', 'C')),
    region text collate "C",
    invited_by uuid not null,
    expires_at timestamptz not null,
    answered_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- SHA-256 of what stands in the link, which is nowhere kept
    token_hash bytea not null,
    constraint survey_invitations_token_hash_key unique (token_hash),
    constraint survey_invitations_customer_key unique (survey_id, customer_id)
);
create index survey_invitations_created_at_idx
    on survey_invitations (survey_id, created_at, id);
create index survey_invitations_customer_id_idx on survey_invitations (customer_id);

create table survey_responses (
    id uuid constraint survey_responses_pkey primary key,
    version bigint not null,
    survey_id uuid not null constraint survey_responses_survey_id_fkey references surveys,
    invitation_id uuid not null
        constraint survey_responses_invitation_fkey references survey_invitations,
    customer_id uuid not null
        constraint survey_responses_customer_id_fkey references customers,
    contact_id uuid,
    -- of the invitation
    tier text constraint survey_responses_tier_check check (tier in ('A', 'B', 'C')),
    region text collate "C",
    -- who looked after the customer when it answered
    owner_id uuid,
    language text not null
        constraint survey_responses_language_check check (language in ('zh-CN', 'en')),
    answers jsonb not null,
    score smallint constraint survey_responses_score_check check (score between 1 and 5),
    nps smallint constraint survey_responses_nps_check check (nps between 0 and 10),
    low boolean not null,
    follow_up_id uuid constraint survey_responses_follow_up_id_fkey references follow_ups,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint survey_responses_invitation_key unique (invitation_id)
);
create index survey_responses_created_at_idx on survey_responses (survey_id, created_at, id);
create index survey_responses_customer_id_idx on survey_responses (customer_id, created_at, id);
