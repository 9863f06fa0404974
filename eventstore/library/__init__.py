"""Applications written with the `eventsourcing` library, on this log: set PERSISTENCE_MODULE=eventstore."""
