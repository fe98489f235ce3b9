-- What was uploaded, once for all files with the same bytes. The object in the store is called
-- like the row, and nothing else is ever called so: a deletion that comes late hits nothing new.
create table attachment_blobs (
    id uuid constraint attachment_blobs_pkey primary key,
    -- in hexadecimal
    sha256 text not null
        constraint attachment_blobs_sha256_check check (sha256 ~ '^[0-9a-f]{64}$'),
    -- false until the object is known to be there
    stored boolean not null,
    -- since when no attachment needs it
    unused_since timestamptz,
    -- from then on nobody takes it up again, and its object may go at any moment
    doomed_at timestamptz
);
create unique index attachment_blobs_sha256_key on attachment_blobs (sha256)
    where doomed_at is null;
create index attachment_blobs_unused_since_idx on attachment_blobs (unused_since)
    where unused_since is not null and doomed_at is null;
create index attachment_blobs_doomed_at_idx on attachment_blobs (doomed_at)
    where doomed_at is not null;

create table attachments (
    id uuid constraint attachments_pkey primary key,
    version bigint not null,
    name text not null,
    content_type text not null,
    size bigint not null constraint attachments_size_check check (size > 0),
    sha256 text not null,
    width integer constraint attachments_width_check check (width > 0),
    height integer constraint attachments_height_check check (height > 0),
    thumbnail boolean not null,
    uploaded_by uuid not null,
    -- null while something has it
    expires_at timestamptz,
    blob_id uuid not null constraint attachments_blob_id_fkey references attachment_blobs,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index attachments_blob_id_idx on attachments (blob_id);
create index attachments_expires_at_idx on attachments (expires_at) where expires_at is not null;

-- a visit, a complaint, …; no foreign key can say which
create table attachment_links (
    attachment_id uuid not null
        constraint attachment_links_attachment_id_fkey references attachments,
    type text not null,
    resource_id uuid not null,
    constraint attachment_links_pkey primary key (attachment_id, type, resource_id)
);
create index attachment_links_resource_id_idx on attachment_links (resource_id, type);
