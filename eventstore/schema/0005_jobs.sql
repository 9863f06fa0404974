-- What a reaction to an event still has to do. The row is the fact; the message in Redis is only the nudge to look at it,
-- so Redis may be emptied at any moment. A row goes away when its effect is in the log.
create table jobs (
    reaction   text not null,
    position   bigint not null,          -- the event that it answers
    created_at timestamptz not null default now(),
    next_at    timestamptz not null default now() + interval '5 seconds',  -- when to nudge again, if still here
    attempts   integer not null default 0,
    failed     text,                     -- a refusal: not tried again until somebody looks at it
    primary key (reaction, position)
);
create index jobs_due on jobs (next_at) where failed is null;
