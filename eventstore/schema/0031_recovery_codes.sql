-- A six-digit way to set another password, mailed to whom the account belongs: one per account, for a short time, for
-- few guesses and for one use. Only a digest of it is here, made with a secret: a million codes are quickly tried.
create table recovery_codes (
    account    text primary key,
    digest     text not null,
    expires_at timestamptz not null,
    guesses    integer not null,               -- how many wrong ones are left
    verified   boolean not null default false
);
