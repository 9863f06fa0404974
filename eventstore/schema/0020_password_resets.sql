-- A way to set another password, mailed to whom the account belongs: one per account, good for one use and a short time.
-- Only the digest of its token is here.
create table password_resets (
    account    text primary key,
    token_hash bytea not null unique,
    expires_at timestamptz not null
);
