-- The views live in a schema of their own. A view that is built anew grows in `building_<view>` and moves here when it
-- has caught up, so the statements of a view name its tables the same way in both places.
create schema views;

-- Which build of each view is live. A view whose code says another version is built anew.
create table live_views (
    view     text primary key,
    version  integer not null,
    built_at timestamptz not null default now()
);

-- Events that a view could not take: its stream is left out of that view, from this position on, until resumed.
create table parked_streams (
    view      text not null,
    stream    text not null,
    position  bigint not null,
    error     text not null,
    parked_at timestamptz not null default now(),
    primary key (view, stream)
);

-- Raised whenever the set of live views or parked streams changes; the projector that did not know starts its batch over.
create table view_generation (
    only_row   boolean primary key default true check (only_row),
    generation bigint not null default 0
);
insert into view_generation default values;

-- First statement of every batch of the projector: takes the checkpoint's row for the transaction, so that neither a
-- second projector nor a switch of views can come between.
create function move_views(expected bigint, reached bigint, known_generation bigint) returns void language plpgsql as $$
begin
    update checkpoints set position = reached, moved_at = clock_timestamp()
     where follower = 'views' and position = expected;
    if not found or known_generation <> (select generation from view_generation) then
        raise exception using errcode = 'BT002', message = 'the views moved on without this projector';
    end if;
    perform pg_notify('views', reached::text);
end
$$;
