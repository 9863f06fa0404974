"""When somebody asks for another password, a link with which they can set one is mailed to them.

The token is made here, by the worker that mails it: the log, the job and the queue never hold it.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from domain.user import PasswordResetRequested
from eventstore import password_resets
from eventstore.mapper import Recorded
from projections import users
from settings import Settings
from workers.gateways.mail import Letter
from workers.reaction import Call, Outside

EVENTS = (PasswordResetRequested,)

SUBJECT = "Restablece tu contraseña"
TEXT = """Hola {name}:

Recibimos una solicitud para restablecer la contraseña de tu cuenta. Para elegir una nueva, abre este enlace:

{link}

El enlace funciona una sola vez y caduca en {minutes} minutos. Si no hiciste esta solicitud, ignora este correo: tu
contraseña sigue siendo la misma.
"""


def react(recorded: Recorded, settings: Settings) -> Iterable[Call]:
    if isinstance(recorded.event, PasswordResetRequested):
        yield Call(mail_link, (recorded.meta.organization, recorded.event.user))


async def mail_link(outside: Outside, organization: str, user: str) -> None:
    """Mail a fresh link; the one mailed before is good no longer. A person who was erased meanwhile gets none."""
    settings = outside.settings
    async with outside.connection() as connection:
        found = await users.by_id(connection, organization, user)
        if found is None or not found.active or found.email is None:
            return
        token = await password_resets.issue(connection, found.account, settings.password_reset_seconds)
    link = f"{settings.pazz_url.rstrip('/')}/auth/reset-password?token={quote(token)}"
    text = TEXT.format(name=found.name.split()[0], link=link, minutes=settings.password_reset_seconds // 60)
    await outside.mail().send(Letter(to=found.email, subject=SUBJECT, text=text))
