-- The only way into `events`. Arrays instead of rows: one prepared call with few parameters is what makes group commit
-- cheap. The array `version` holds the version that each event is to get in its stream.
--
-- One advisory lock per call, held to the commit, makes positions consecutive, without gaps, and visible in their
-- order. Every statement below takes its snapshot after the lock, so it sees all that was committed before.

-- Appends all of it or raises: unique_violation where a version is taken, `gap` where the one before it is missing.
-- Answers the position before the first new event.
create function append_events(stream text[], version integer[], name text[], data text[], meta text[])
returns bigint language plpgsql as $$
#variable_conflict use_column
declare
    head     bigint := 0;
    link     bytea := sha256('bitacora');
    at       timestamptz;
    micros   text;
    hashes   bytea[];
    expected integer := cardinality(append_events.stream);
    inserted integer;
begin
    perform pg_advisory_xact_lock(8317002115);
    select last.position, last.hash, now.at, ((extract(epoch from now.at) * 1000000)::bigint)::text
      into head, link, at, micros
      from (select clock_timestamp() as at) now
      left join (select e.position, e.hash from events e order by e.position desc limit 1) last on true;
    if head is null then
        head := 0;
        link := sha256('bitacora');
    end if;

    for i in 1 .. expected loop
        link := sha256(link || convert_to(
            (head + i)::text || E'\n' || append_events.stream[i] || E'\n' || append_events.version[i]::text
            || E'\n' || append_events.name[i] || E'\n' || micros
            || E'\n' || octet_length(append_events.data[i])::text || E'\n' || append_events.data[i]
            || E'\n' || append_events.meta[i], 'UTF8'));
        hashes[i] := link;
    end loop;

    insert into events (position, stream, version, name, data, meta, recorded_at, hash)
    select head + new.place, new.stream, new.version, new.name, new.data::json, new.meta::json, at, new.hash
      from unnest(append_events.stream, append_events.version, append_events.name, append_events.data,
                  append_events.meta, hashes)
           with ordinality as new(stream, version, name, data, meta, hash, place)
     where new.version = 1
        or (new.stream = append_events.stream[new.place - 1]
            and new.version = append_events.version[new.place - 1] + 1)
        -- Not `exists`: that may be answered by reading the whole table once, which is right for a plan made while it
        -- is small and ruinous for the same plan later.
        or (select true from events e where e.stream = new.stream and e.version = new.version - 1);
    get diagnostics inserted = row_count;
    if inserted <> expected then
        raise exception using errcode = 'BT001', message = 'gap';
    end if;
    perform pg_notify('log', (head + expected)::text);
    return head;
end
$$;

-- Appends many commands, each whole or not at all, so that one that lost a race does not fail its neighbours. `command`
-- numbers (from 1) say to which command a check, an event or a key belongs; two commands never share a stream or a key.
--   check    the stream is exactly at this version (0: it does not exist yet)
--   key      an idempotency key with the fingerprint of its request
-- Answers the position before the first new event, the commands that found a stream at another version, and those whose
-- key was known, as [command, fingerprint, first_position, last_position].
create function append_commands(
    check_command integer[], check_stream text[], check_version integer[],
    event_command integer[], stream text[], version integer[], name text[], data text[], meta text[],
    key_command integer[], key_value text[], key_fingerprint text[],
    out head bigint, out conflicts integer[], out replays json
) language plpgsql as $$
#variable_conflict use_column
declare
    known integer[];
    taken integer[];
begin
    perform pg_advisory_xact_lock(8317002115);
    select coalesce(max(e.position), 0) into head from events e;

    select json_agg(json_build_array(k.command, a.fingerprint, a.first_position, a.last_position)),
           coalesce(array_agg(k.command), '{}')
      into replays, known
      from unnest(key_command, key_value) as k(command, value),
           lateral (select c.* from accepted_commands c where c.key = k.value offset 0) a;  -- by the index, always

    select coalesce(array_agg(distinct c.command), '{}') into conflicts
      from unnest(check_command, check_stream, check_version) as c(command, stream, version)
     where not (c.command = any(known))
       and c.version <> coalesce((select max(e.version) from events e where e.stream = c.stream), 0);

    select coalesce(array_agg(e.place order by e.place), '{}') into taken
      from unnest(event_command) with ordinality as e(command, place)
     where not (e.command = any(known || conflicts));

    if cardinality(taken) > 0 then
        perform append_events(array_agg(e.stream order by t.nr), array_agg(e.version order by t.nr),
                              array_agg(e.name order by t.nr), array_agg(e.data order by t.nr),
                              array_agg(e.meta order by t.nr))
           from unnest(taken) with ordinality as t(place, nr)
           join unnest(append_commands.stream, append_commands.version, append_commands.name,
                       append_commands.data, append_commands.meta)
                with ordinality as e(stream, version, name, data, meta, place) on e.place = t.place;
    end if;

    insert into accepted_commands (key, fingerprint, first_position, last_position, recorded_at)
    select k.value, k.fingerprint, coalesce(min(head + t.nr), head + 1), coalesce(max(head + t.nr), head), now()
      from unnest(key_command, key_value, key_fingerprint) as k(command, value, fingerprint)
      left join unnest(taken) with ordinality as t(place, nr) on event_command[t.place] = k.command
     where not (k.command = any(known || conflicts))
     group by k.value, k.fingerprint;
end
$$;
