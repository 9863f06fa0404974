"""What this frontend says in whole sentences: warnings of a preview, notifications. People read Spanish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

WARNINGS = {
    "SCHEDULE_MISSING": "Aún no tiene fecha de envío",
    "SCHEDULE_PASSED": "La fecha de envío ya pasó",
    "GROUPS_MISSING": "Aún no tiene grupos",
    "NO_RECIPIENTS": "Ningún contacto activo lo recibiría",
    "TOO_MANY_RECIPIENTS": "Son demasiados destinatarios para un solo mensaje: divide los grupos",
    "DUPLICATES_MERGED": "Hay números en varios grupos: lo recibirán una sola vez",
    "INACTIVE_SKIPPED": "Los contactos inactivos no lo recibirán",
    "ALL_CAPS": "Parece spam: casi todo está en mayúsculas",
    "LINK_FLOOD": "Parece spam: tiene demasiados enlaces",
    "REPEATED_CHARACTERS": "Parece spam: tiene caracteres repetidos",
    "REPEATED_CONTENT": "Parece spam: ya enviaste el mismo texto a los mismos grupos hoy",
    "WHATSAPP_DISCONNECTED": "WhatsApp no está conectado",
}

Sentence = Callable[[Mapping[str, Any]], str]


def _people(count: int) -> str:
    return f"{count} destinatario" if count == 1 else f"{count} destinatarios"


REASONS = {
    "MISSED_SCHEDULE": "pasó demasiado tiempo desde la hora programada",
    "NO_RECIPIENTS": "ningún contacto activo lo podía recibir",
    "TOO_MANY_RECIPIENTS": "sus grupos tienen demasiados destinatarios para un solo mensaje",
    "NOTHING_SENT": "no se pudo entregar a ningún destinatario",
}
NOTIFICATIONS: dict[str, tuple[str, Sentence]] = {
    "message_sent": ("Mensaje enviado", lambda facts: f"El mensaje se envió a {_people(facts['sent'])}"),
    "message_partly_sent": (
        "Mensaje enviado con errores",
        lambda facts: (
            f"Se envió a {_people(facts['sent'])}; {facts['failed']} {'falló' if facts['failed'] == 1 else 'fallaron'}"
        ),
    ),
    "message_failed": (
        "El mensaje no se envió",
        lambda facts: f"El mensaje falló: {REASONS.get(str(facts.get('reason')), 'no se pudo enviar')}",
    ),
    "import_finished": (
        "Importación terminada",
        lambda facts: (
            f"{facts['created']} contactos nuevos, {facts['updated']} actualizados, {facts['skipped']} sin cambios, "
            f"{facts['failed']} con errores"
        ),
    ),
    "import_refused": ("La importación falló", lambda facts: "No se pudo leer el archivo"),
}
"""Title and sentence of each kind of notification that this frontend shows."""
KINDS = tuple(NOTIFICATIONS)
