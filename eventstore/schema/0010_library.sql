-- What applications written with the `eventsourcing` library keep beside the log. Their events are in `events` like all
-- others; these tables can be made again from the log (places) or emptied (snapshots) without losing a fact.

-- Where each of their events is: by its number in its aggregate, and by position for one application alone. A table and
-- not an index on `events`, so that nobody else's append pays for it.
create table library_places (
    application        text not null,
    originator_id      text not null,
    originator_version bigint not null,
    position           bigint not null,
    is_uuid            boolean not null,
    primary key (application, originator_id, originator_version)
);
create unique index library_places_in_order on library_places (application, position);

create table library_snapshots (
    application        text not null,
    purpose            text not null,
    originator_id      text not null,
    originator_version bigint not null,
    is_uuid            boolean not null,
    topic              text not null,
    state              bytea not null,
    primary key (application, purpose, originator_id, originator_version)
);

-- How far a projection or a process of the library (the follower) has followed an application.
create table library_tracking (
    follower        text not null,
    application     text not null,
    notification_id bigint not null,
    primary key (follower, application)
);

create function track_library(follower text, application text, notification_id bigint) returns void language plpgsql as $$
#variable_conflict use_column
begin
    insert into library_tracking as known (follower, application, notification_id)
    values (track_library.follower, track_library.application, track_library.notification_id)
        on conflict (follower, application) do update set notification_id = excluded.notification_id
     where known.notification_id < excluded.notification_id;
    if not found then
        raise unique_violation using message = format('%s has followed %s to %s already', track_library.follower,
                                                      track_library.application, track_library.notification_id);
    end if;
end
$$;

-- Appends all of it, with the tracking when `upstream` is given, or raises unique_violation: where an aggregate has that
-- version, or the follower was there already. The library lets an aggregate begin at any version and leave versions out;
-- the log numbers every stream 1, 2, 3, and the place keeps the library's number.
-- Answers the position before the first new event.
create function append_library_events(
    application text, stream text[], originator_id text[], originator_version bigint[], is_uuid boolean[],
    name text[], data text[], meta text[], follower text, upstream text, notification_id bigint
) returns bigint language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    version integer[];
    piece   integer[];
    start   integer := 1;
    next    integer;
    head    bigint;
    before  bigint;
begin
    if append_library_events.upstream is not null then
        perform track_library(append_library_events.follower, append_library_events.upstream,
                              append_library_events.notification_id);
    end if;

    -- The lock of append_events, taken earlier: the versions read here are the latest until the commit.
    perform pg_advisory_xact_lock(8317002115);
    with latest as (
        select s.stream, coalesce((select max(e.version) from events e where e.stream = s.stream), 0) as version
          from (select distinct unnest(append_library_events.stream) as stream) s
    ), new as (
        select s.stream, s.place, row_number() over (partition by s.stream order by s.place) as nth,
               lag(s.stream) over (order by s.place) as previous
          from unnest(append_library_events.stream) with ordinality as s(stream, place)
    )
    select array_agg(latest.version + new.nth order by new.place),
           array_agg(new.place order by new.place) filter (where new.nth > 1 and new.stream <> new.previous)
      into version, piece
      from new join latest on latest.stream = new.stream;

    -- A batch that comes back to a stream is appended in pieces, because append_events looks for the version before an
    -- event right before it in the same call, or among what was appended by earlier calls.
    foreach next in array coalesce(piece, '{}') || (cardinality(append_library_events.stream) + 1) loop
        head := append_events(append_library_events.stream[start:next - 1], version[start:next - 1],
                              append_library_events.name[start:next - 1], append_library_events.data[start:next - 1],
                              append_library_events.meta[start:next - 1]);
        before := coalesce(before, head);
        start := next;
    end loop;

    insert into library_places (application, originator_id, originator_version, position, is_uuid)
    select append_library_events.application, new.originator_id, new.originator_version, before + new.place, new.is_uuid
      from unnest(append_library_events.originator_id, append_library_events.originator_version,
                  append_library_events.is_uuid)
           with ordinality as new(originator_id, originator_version, is_uuid, place);
    return before;
end
$$;
