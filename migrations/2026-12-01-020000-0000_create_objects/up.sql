-- Types of objects that a company defines, and their objects.
create table object_types (
    id uuid constraint object_types_pkey primary key,
    version bigint not null,
    key text not null constraint object_types_key_key unique,
    -- the service brings the type along
    built_in boolean not null,
    active boolean not null,
    -- of the definition; counts up with each change of it
    definition_version integer not null,
    definition jsonb not null,
    -- roles that may read the objects, as the definition names them
    readers text[] not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- Objects keep the version of the definition with which they were created.
create table object_type_versions (
    key text not null constraint object_type_versions_key_fkey references object_types (key),
    definition_version integer not null,
    definition jsonb not null,
    -- by the service, not by the company
    delivered boolean not null,
    constraint object_type_versions_pkey primary key (key, definition_version)
);

-- The last number of each type and year.
create table object_numbers (
    type text not null,
    year integer not null,
    last bigint not null,
    constraint object_numbers_pkey primary key (type, year)
);

create table objects (
    id uuid constraint objects_pkey primary key,
    version bigint not null,
    type text not null,
    definition_version integer not null,
    number text not null,
    status text not null,
    -- the nil id when the service itself created it; may be an API client
    author_id uuid not null,
    owner_id uuid not null constraint objects_owner_id_fkey references users,
    customer_id uuid constraint objects_customer_id_fkey references customers,
    -- users who see the customer see the object
    by_customer boolean not null,
    -- people, leaders of teams and roles who see the object
    viewer_ids uuid[] not null,
    fields jsonb not null,
    source_system text,
    external_id text,
    ended_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint objects_definition_fkey foreign key (type, definition_version)
        references object_type_versions (key, definition_version),
    constraint objects_number_key unique (type, number),
    constraint objects_external_id_key unique (type, source_system, external_id)
);
create index objects_type_idx on objects (type, created_at, id);
create index objects_status_idx on objects (type, status, created_at, id);
create index objects_owner_id_idx on objects (owner_id, type, created_at, id);
create index objects_customer_id_idx on objects (customer_id, type, created_at, id);
create index objects_viewer_ids_idx on objects using gin (viewer_ids);
