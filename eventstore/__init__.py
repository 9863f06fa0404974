"""The log of events.

`LogFactory` is here for the `eventsourcing` library, which searches the module that PERSISTENCE_MODULE names.
"""

from eventstore.library.factory import LogFactory

__all__ = ["LogFactory"]
