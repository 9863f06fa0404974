-- Files that somebody handed in to be imported, and the parts that they were taken apart into, until all is done. Both are
-- sealed with the key of the import's stream, which goes with them.
create table import_files (
    stream  text primary key,
    options jsonb not null,
    sealed  bytea not null,
    kept_at timestamptz not null default now()
);

create table import_parts (
    stream text not null,
    part   integer not null,
    sealed bytea not null,
    primary key (stream, part)
);
