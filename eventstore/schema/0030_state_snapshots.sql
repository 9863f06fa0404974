-- Folded states of long streams, so that loading one does not read it from its beginning. May be emptied at any moment.
-- A snapshot counts only while the log holds the very event that it was taken after, and for the code that took it.
create table state_snapshots (
    stream   text primary key,
    shape    text not null,      -- a digest of the aggregate's code
    version  integer not null,
    position bigint not null,
    hash     bytea not null,     -- of that event: it covers everything before it
    state    bytea not null,
    taken_at timestamptz not null default now()
);
