"""`bitacora simulator`: WhatsApp for development and tests. Speaks WAHA's HTTP dialect and goes wrong on demand."""
