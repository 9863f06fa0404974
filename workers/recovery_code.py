"""When a shopper asks for another password, a code with which they can set one is mailed to them.

The code is made here, by the worker that mails it: the log, the job and the queue never hold it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from domain.shopper import RecoveryRequested
from eventstore import recovery_codes
from eventstore.mapper import Recorded
from eventstore.sealing import Vault
from projections import shoppers
from settings import Settings
from workers.gateways.mail import Letter
from workers.reaction import Call, Outside

EVENTS = (RecoveryRequested,)

MINUTES = 15
SUBJECT = "Tu código de recuperación"
TEXT = """Hola {name}:

Recibimos una solicitud para cambiar la contraseña de tu cuenta. Tu código es:

{code}

Funciona una sola vez y caduca en {minutes} minutos. Si no hiciste esta solicitud, ignora este correo: tu contraseña
sigue siendo la misma.
"""


def react(recorded: Recorded, settings: Settings) -> Iterable[Call]:
    if isinstance(recorded.event, RecoveryRequested):
        yield Call(mail_code, (recorded.meta.organization, recorded.event.shopper))


async def mail_code(outside: Outside, organization: str, shopper: str) -> None:
    """Mail a fresh code; the one mailed before is good no longer. A person who was erased meanwhile gets none."""
    expires_at = datetime.now(UTC) + timedelta(minutes=MINUTES)
    async with outside.connection() as connection:
        found = await shoppers.by_id(connection, organization, shopper)
        if found is None or not found.active or found.email is None:
            return
        code = await recovery_codes.issue(connection, Vault(outside.settings.master_key), found.account, expires_at)
    text = TEXT.format(name=found.name.split()[0], code=code, minutes=MINUTES)
    await outside.mail().send(Letter(to=found.email, subject=SUBJECT, text=text))
