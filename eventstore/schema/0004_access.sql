-- What must not be in the log: password hashes, and the refresh tokens of sign-ins.

create table credentials (
    account       text primary key,   -- the account's stream: user-<org>-<id>, shopper-<org>-<id>
    password_hash text not null,
    changed_at    timestamptz not null default now()
);

-- One row per sign-in. Its refresh token changes with every use; an old one that comes back revokes the sign-in.
create table sign_ins (
    sign_in      text primary key,
    account      text not null,
    claims       jsonb not null,      -- what its access tokens say about the caller
    token_hash   bytea not null,
    created_at   timestamptz not null default now(),
    refreshed_at timestamptz not null default now(),
    expires_at   timestamptz not null,
    revoked_at   timestamptz
);
create index sign_ins_by_account on sign_ins (account) where revoked_at is null;
create index sign_ins_revoked on sign_ins (revoked_at) where revoked_at is not null;
