"""Messages: every owner has written two hundred, each for two of their four groups, of ten contacts each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import LiteralString

from domain import contact, group
from domain.contact import ContactAdded
from domain.group import GroupCreated
from scripts.bench import world

MESSAGES, GROUPS, CONTACTS = 200, 4, 20

MADE: LiteralString = """
select drafted.*, left(encode(sha256(convert_to(lower(content), 'UTF8')), 'hex'), 32) as fingerprint
  from (
    select n, 'msg_' || lpad(n::text, 7, '0') as message, 'own_' || lpad(o::text, 7, '0') as owner,
           'Hola, tenemos el modelo que nos preguntaste con entrega inmediata '
           'y las mismas condiciones del mes pasado. '
           'Puedes venir a conocerlo cualquier tarde de esta semana, o contestar a este mensaje y te '
           'llamamos nosotros. Folio ' || n || '.' as content,
           %(now)s as at, %(now)s + mod(m * 37, 300) * interval '24 hours' as moment,
           array['grp_' || lpad((o * 4 + mod(m, 2))::text, 7, '0'),
                 'grp_' || lpad((o * 4 + 2 + mod(m / 2, 2))::text, 7, '0')] as groups
      from (select n, mod(n, %(rows)s / 200) as o, n / (%(rows)s / 200) as m
              from generate_series(0, %(rows)s - 1) n) numbers
  ) drafted
"""
EVENTS: Sequence[LiteralString] = (
    """
select n, 'scheduled_message-acme-' || message as stream, 1 as version, 'MessageDrafted' as name,
       json_build_object('message', message, 'owner', owner, 'at', at, 'content', content, 'groups', groups,
                         'scheduled_for', moment, 'timezone', 'America/Mexico_City') as data
  from made where n between %(first)s and %(last)s
""",
)
VIEWS: Sequence[LiteralString] = (
    """
insert into groups (organization, id, owner, name, folded, description, created_at, updated_at)
select 'acme', 'grp_' || lpad(g::text, 7, '0'), 'own_' || lpad((g / 4)::text, 7, '0'), 'Grupo ' || g, 'grupo ' || g, '',
       %(now)s, %(now)s
  from generate_series(0, %(rows)s / 200 * 4 - 1) g
""",
    """
insert into contacts (organization, id, owner, name, phone, email, active, folded, created_at, updated_at)
select 'acme', 'con_' || lpad(c::text, 7, '0'), 'own_' || lpad((c / 20)::text, 7, '0'), 'Ana Torres ' || c,
       '+5233' || lpad(c::text, 8, '0'), null, true, 'ana torres ' || c, %(now)s, %(now)s
  from generate_series(0, %(rows)s / 200 * 20 - 1) c
""",
    """
insert into contact_groups (organization, contact, "group", phone, active)
select 'acme', 'con_' || lpad(c::text, 7, '0'), 'grp_' || lpad((c / 20 * 4 + mod(mod(c, 4) + i, 4))::text, 7, '0'),
       '+5233' || lpad(c::text, 8, '0'), true
  from generate_series(0, %(rows)s / 200 * 20 - 1) c, generate_series(0, 1) i
""",
    """
insert into scheduled_messages (organization, id, owner, content, fingerprint, groups, status, status_at, scheduled_for,
                                timezone, created_at, updated_at)
select 'acme', message, owner, content, fingerprint, groups, 'draft', at, moment, 'America/Mexico_City', at, at
  from made
""",
    """
insert into message_texts (organization, message, revision, content) select 'acme', message, 1, content from made
""",
)
PEER: Sequence[LiteralString] = (
    """
insert into groups (organization, id, owner, name)
select 'acme', 'grp_' || lpad(g::text, 7, '0'), 'own_' || lpad((g / 4)::text, 7, '0'), 'Grupo ' || g
  from generate_series(0, %(rows)s / 200 * 4 - 1) g
""",
    """
insert into contacts (organization, id, owner, name, phone, active)
select 'acme', 'con_' || lpad(c::text, 7, '0'), 'own_' || lpad((c / 20)::text, 7, '0'), 'Ana Torres ' || c,
       '+5233' || lpad(c::text, 8, '0'), true
  from generate_series(0, %(rows)s / 200 * 20 - 1) c
""",
    """
insert into contact_groups (organization, "group", contact)
select 'acme', 'grp_' || lpad((c / 20 * 4 + mod(mod(c, 4) + i, 4))::text, 7, '0'), 'con_' || lpad(c::text, 7, '0')
  from generate_series(0, %(rows)s / 200 * 20 - 1) c, generate_series(0, 1) i
""",
    """
insert into messages (organization, id, owner, content, status, status_at, scheduled_for, timezone, attempt,
                      recipient_count, sent_count, delivered_count, failed_count, created_at, updated_at)
select 'acme', message, owner, content, 'draft', at, moment, 'America/Mexico_City', 1, 0, 0, 0, 0, at, at from made
""",
    """
insert into message_groups (organization, message, "group") select 'acme', message, unnest(groups) from made
""",
)


def people(rows: int, now: datetime) -> Iterator[world.Happened]:
    """The owners' groups, and the contacts in them."""
    for owner in range(rows // MESSAGES):
        name = f"own_{owner:07}"
        for number in range(owner * GROUPS, (owner + 1) * GROUPS):
            made = GroupCreated(group=f"grp_{number:07}", owner=name, name=f"Grupo {number}", description="", at=now)
            yield group.stream("acme", made.group), made
        for number in range(owner * CONTACTS, (owner + 1) * CONTACTS):
            added = ContactAdded(
                contact=f"con_{number:07}",
                owner=name,
                name=f"Ana Torres {number}",
                phone=f"+5233{number:08}",
                groups=tuple(f"grp_{owner * GROUPS + (number + i) % GROUPS:07}" for i in range(2)),
                at=now,
            )
            yield contact.stream("acme", added.contact), added


def owners(rows: int) -> list[str]:
    """Those who have written them."""
    return [f"own_{number:07}" for number in range(rows // MESSAGES)]


def groups(owner: str) -> list[str]:
    """Two of an owner's groups."""
    first = int(owner.removeprefix("own_")) * GROUPS
    return [f"grp_{first:07}", f"grp_{first + 2:07}"]
