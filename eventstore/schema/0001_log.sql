-- The log: one row per event, in commit order, chained by hash.

create table events (
    position    bigint primary key,
    stream      text not null check (stream <> '' and strpos(stream, E'\n') = 0 and strpos(stream, E'\r') = 0),
    version     integer not null check (version >= 0),
    name        text not null check (name <> '' and strpos(name, E'\n') = 0 and strpos(name, E'\r') = 0),
    data        json not null,   -- json, not jsonb: the chain hashes these exact bytes
    meta        json not null,
    recorded_at timestamptz not null,
    hash        bytea not null,
    unique (stream, version)
);

-- Heads that were shown to somebody outside: what a later verification must find unchanged.
create table published_heads (
    position     bigint primary key,
    hash         bytea not null,
    published_at timestamptz not null default now()
);

-- A command that carried a key and was accepted: what it asked (fingerprint) and which events it became.
-- last_position < first_position says that it was accepted and changed nothing.
create table accepted_commands (
    key            text primary key,
    fingerprint    text not null,
    first_position bigint not null,
    last_position  bigint not null,
    recorded_at    timestamptz not null
);
create index accepted_commands_by_age on accepted_commands (recorded_at);

-- The key that seals one subject's personal data, wrapped by the master key. No row after an erasure.
create table subject_keys (
    subject    text primary key,
    wrapped    bytea not null,
    created_at timestamptz not null default now()
);

-- What follows the log (the projector, the feed) and how far it got.
create table checkpoints (
    follower text primary key,
    position bigint not null default 0,
    moved_at timestamptz not null default now()
);
insert into checkpoints (follower) values ('views'), ('feed');
