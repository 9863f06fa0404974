-- When the refresh token of a sign-in was traded, the newest first, as far back as a token may be traded once more.
alter table sign_ins add column rotated_at timestamptz[] not null default '{}';
