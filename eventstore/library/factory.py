"""What PERSISTENCE_MODULE=eventstore gives to an application of the library.

Read from the application's environment, each also under the application's name first (BANKACCOUNTS_DATABASE_URL):

    DATABASE_URL    the database of the log, postgresql://user:password@host/database; the POSTGRES_* variables of the
                    library's own module are not read
    CREATE_TABLE    "no" leaves the tables to `bitacora` and its migrations; else the first recorder applies them
    IS_SNAPSHOTTING_ENABLED, *_RECORDER_TOPIC, MAPPER_TOPIC, CIPHER_*, COMPRESSOR_TOPIC ...   as in the library
"""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

from eventsourcing.persistence import AggregateRecorder, InfrastructureFactory, InfrastructureFactoryError
from eventsourcing.utils import Environment, EnvType, resolve_topic, strtobool

from eventstore import schema
from eventstore.library.database import Database, library_errors
from eventstore.library.recorders import LogAggregateRecorder, LogApplicationRecorder, LogProcessRecorder
from eventstore.library.snapshots import SnapshotRecorder
from eventstore.library.tracking import LogTrackingRecorder

EVENTS = "events"

Recorder = TypeVar("Recorder")


class LogFactory(InfrastructureFactory[LogTrackingRecorder]):
    """Makes the recorders of one application, which share one pool of connections. Raises `OSError` where the
    environment names no database."""

    DATABASE_URL = "DATABASE_URL"
    CREATE_TABLE = "CREATE_TABLE"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        url = self.env.get(self.DATABASE_URL)
        if not url:
            raise OSError(f"{self.DATABASE_URL} is not set: it names the database of the log.")
        self._url = url
        self._has_tables = False
        self.database = Database(url, self.env.name)

    def aggregate_recorder(self, purpose: str = EVENTS) -> AggregateRecorder:
        """A recorder of events on the log; for any other purpose, of snapshots beside it."""
        self._create_tables()
        if purpose == EVENTS:
            return LogAggregateRecorder(self.database, self.env.name)
        return SnapshotRecorder(self.database, self.env.name, purpose)

    def application_recorder(self) -> LogApplicationRecorder:
        """A recorder of the application's events on the log."""
        recorder_class = self._named(self.APPLICATION_RECORDER_TOPIC, LogApplicationRecorder)
        self._create_tables()
        return recorder_class(self.database, self.env.name)

    def tracking_recorder(
        self, tracking_recorder_class: type[LogTrackingRecorder] | None = None
    ) -> LogTrackingRecorder:
        """A view that records how far it got: of the given class, or of the one that TRACKING_RECORDER_TOPIC names."""
        recorder_class = tracking_recorder_class or self._named(self.TRACKING_RECORDER_TOPIC, LogTrackingRecorder)
        self._create_tables()
        return recorder_class(self.database, self.env.name)

    def process_recorder(self) -> LogProcessRecorder:
        """A recorder of events together with tracking."""
        recorder_class = self._named(self.PROCESS_RECORDER_TOPIC, LogProcessRecorder)
        self._create_tables()
        return recorder_class(self.database, self.env.name)

    def close(self) -> None:
        """Close the connections; recorders that are still around raise `OperationalError` from then on."""
        self.database.close()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        super().__exit__(exc_type, exc_val, exc_tb)
        self.close()

    def _named(self, variable: str, default: type[Recorder]) -> type[Recorder]:
        topic = self.env.get(variable)
        if not topic:
            return default
        named = resolve_topic(topic)
        if not (isinstance(named, type) and issubclass(named, default)):
            raise InfrastructureFactoryError(f"{variable} names {topic}, which does not extend {default.__name__}.")
        return named

    def _create_tables(self) -> None:
        if not self._has_tables and strtobool(self.env.get(self.CREATE_TABLE) or "yes"):
            with library_errors():
                schema.migrate(self._url)
            self._has_tables = True
