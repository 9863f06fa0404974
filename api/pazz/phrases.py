"""What Pazz says to people about clients, in Spanish: the part of its contract that is prose.

The document publishes two labels, one next action, one message and two lines of a timeline; the others follow them.
"""

from __future__ import annotations

from domain import attention

STATUSES = ("prequalification", "documentation", "approval", "financing")

LABELS = {
    "prequalification": "Precalificación sin concluir",
    "documentation": "Documentación sin concluir",
    "approval": "Aprobación sin concluir",
    "financing": "Financiamiento sin concluir",
    "delivered": "Unidad entregada",
}
NEXT_ACTIONS = {
    "prequalification": "complete_prequalification",
    "documentation": "complete_documentation",
    "approval": "complete_approval",
    "financing": "complete_financing",
    "delivered": "none",
}
OPENINGS = {
    "prequalification": "vi que iniciaste tu precalificación pero no la has completado.",
    "documentation": "vi que todavía faltan documentos para completar tu expediente.",
    "approval": "tu solicitud está en proceso de aprobación.",
    "financing": "tu financiamiento está casi listo.",
}
STAGES_BEGUN = {
    "prequalification": ("prequalification_started", "Inició precalificación"),
    "documentation": ("documentation_started", "Inició documentación"),
    "approval": ("approval_started", "Pasó a aprobación"),
    "financing": ("financing_started", "Pasó a financiamiento"),
    "delivered": ("vehicle_delivered", "Recibió su unidad"),
}
ACTIVITIES = {
    "call": ("call_made", "Se realizó una llamada"),
    "demo": ("demo_given", "Tuvo una prueba de manejo"),
    "email": ("email_sent", "Se envió un correo"),
    "meeting": ("meeting_held", "Tuvo una reunión"),
    "message": ("message_sent", "Se envió un mensaje"),
    "note": ("note_added", "Se agregó una nota"),
    "proposal": ("proposal_sent", "Se envió una propuesta"),
    "visit": ("visit_made", "Hizo una visita"),
}


def message(name: str, status: str, days: int, vehicle: str | None) -> str:
    """What the partner can send to the client, by what is missing and for how long nothing happened."""
    words = name.split()
    greeting = f"Hola {words[0]}, " if words else "Hola, "
    if days < attention.SOON.days:
        closing = "¿Te ayudo a continuar?"
    elif days < attention.IDLE.days:
        closing = f"Ya pasaron {days} días desde tu última visita. ¿Tienes alguna duda que pueda resolver?"
    else:
        interest = f"tu {vehicle}" if vehicle else "tu nuevo auto"
        closing = f"Han pasado {days} días desde tu última visita. ¿Todavía te interesa estrenar {interest}?"
    return f"{greeting}{OPENINGS.get(status, 'quiero dar seguimiento a tu solicitud.')} {closing}"


def happened(what: str, detail: str) -> tuple[str, str]:
    """A line of a timeline: its name for programs and its sentence for people."""
    match what:
        case "stage":
            return STAGES_BEGUN[detail]
        case "document":
            return "document_uploaded", f"Subió {detail}"
        case "activity":
            return ACTIVITIES[detail]
        case _:
            return "file_closed", "Se cerró el expediente"
