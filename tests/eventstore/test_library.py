"""The test cases that the `eventsourcing` library ships for a persistence module, unmodified, on this log."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

pytest.importorskip("Crypto", reason="the library's own test cases need pycryptodome")

from eventsourcing.persistence import InfrastructureFactory, Tracking, TrackingRecorder
from eventsourcing.projection import BaseProjectionRunner
from eventsourcing.tests import application as shipped_application
from eventsourcing.tests import persistence as shipped
from eventsourcing.tests import projection as shipped_projection
from eventsourcing.utils import Environment, get_topic

from eventstore.library.database import Database
from eventstore.library.factory import LogFactory
from eventstore.library.recorders import LogAggregateRecorder, LogApplicationRecorder, LogProcessRecorder
from eventstore.library.snapshots import SnapshotRecorder
from eventstore.library.tracking import LogTrackingRecorder
from tests.support.waiting import PATIENCE


class OnTheLog:
    """Gives each test of a shipped case a database of its own."""

    database_url: str
    database: Database

    @pytest.fixture(autouse=True)
    def _a_fresh_log(self, database_url: str) -> Iterator[None]:
        self.database_url = database_url
        self.database = Database(database_url, "test")
        yield
        self.database.close()


class TestAggregateRecorder(OnTheLog, shipped.AggregateRecorderTestCase):
    def create_recorder(self) -> LogAggregateRecorder:
        return LogAggregateRecorder(self.database, "Test")


class TestAggregateRecorderWithTextIds(TestAggregateRecorder):
    def new_originator_id(self) -> str:
        return f"aggregate-{uuid4()}"


class TestAggregateRecorderFromVersionZero(TestAggregateRecorder):
    INITIAL_VERSION = 0


class TestSnapshotRecorder(OnTheLog, shipped.AggregateRecorderTestCase):
    def create_recorder(self) -> SnapshotRecorder:
        return SnapshotRecorder(self.database, "Test")


class TestApplicationRecorder(OnTheLog, shipped.ApplicationRecorderTestCase[LogApplicationRecorder]):
    def create_recorder(self) -> LogApplicationRecorder:
        return LogApplicationRecorder(self.database, "Test")

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationRecorderWithTextIds(TestApplicationRecorder):
    def new_originator_id(self) -> str:
        return f"aggregate-{uuid4()}"


class TestApplicationRecorderFromVersionZero(TestApplicationRecorder):
    INITIAL_VERSION = 0


class TestTrackingRecorder(OnTheLog, shipped.TrackingRecorderTestCase):
    def create_recorder(self) -> LogTrackingRecorder:
        return LogTrackingRecorder(self.database, "Test")


class TestProcessRecorder(OnTheLog, shipped.ProcessRecorderTestCase):
    def create_recorder(self) -> LogProcessRecorder:
        return LogProcessRecorder(self.database, "Test")


class TestProcessRecorderAsApplicationRecorder(OnTheLog, shipped.ApplicationRecorderTestCase[LogProcessRecorder]):
    def create_recorder(self) -> LogProcessRecorder:
        return LogProcessRecorder(self.database, "Test")

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestProcessRecorderAsTrackingRecorder(OnTheLog, shipped.TrackingRecorderTestCase):
    def create_recorder(self) -> LogProcessRecorder:
        return LogProcessRecorder(self.database, "Test")


class TestNonInterleavingNotificationIds(OnTheLog, shipped.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> LogApplicationRecorder:
        return LogApplicationRecorder(self.database, "Test")


class CustomView(LogTrackingRecorder):
    """A view of somebody's own."""


class TestFactory(OnTheLog, shipped.InfrastructureFactoryTestCase[LogFactory]):
    def setUp(self) -> None:
        self.env = Environment(
            "TestCase", {InfrastructureFactory.PERSISTENCE_MODULE: "eventstore", "DATABASE_URL": self.database_url}
        )
        super().setUp()

    def expected_factory_class(self) -> type[LogFactory]:
        return LogFactory

    def expected_aggregate_recorder_class(self) -> type[LogAggregateRecorder]:
        return LogAggregateRecorder

    def expected_application_recorder_class(self) -> type[LogApplicationRecorder]:
        return LogApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[LogTrackingRecorder]:
        return LogTrackingRecorder

    def tracking_recorder_subclass(self) -> type[LogTrackingRecorder]:
        return CustomView

    def expected_process_recorder_class(self) -> type[LogProcessRecorder]:
        return LogProcessRecorder


class InTheEnvironment(OnTheLog):
    """For the shipped cases that make an application with no environment but the process's own."""

    @pytest.fixture(autouse=True)
    def _the_log_in_the_environment(self, _a_fresh_log: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PERSISTENCE_MODULE", "eventstore")
        monkeypatch.setenv("DATABASE_URL", self.database_url)


class TestExampleApplication(InTheEnvironment, shipped_application.ExampleApplicationTestCase):
    expected_factory_topic = get_topic(LogFactory)


@pytest.mark.filterwarnings("default:'log' is deprecated:DeprecationWarning")  # which the shipped case looks for
class TestApplication(InTheEnvironment, shipped_application.ApplicationTestCase):
    pass


class Counted(LogTrackingRecorder, shipped_projection.EventCountersView):
    """The view of the shipped projection cases: two counters."""

    def __init__(self, database: Database, follower: str) -> None:
        super().__init__(database, follower)
        with database.transaction() as cursor:
            cursor.execute("select pg_advisory_xact_lock(1)")  # the runner and the test may both be making it
            cursor.execute("create table if not exists counted (what text primary key, count bigint not null)")

    def get_created_event_counter(self) -> int:
        return self._count("created")

    def get_subsequent_event_counter(self) -> int:
        return self._count("subsequent")

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._increment("created", tracking)

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._increment("subsequent", tracking)

    def _count(self, what: str) -> int:
        with self.database.cursor() as cursor:
            row = cursor.execute("select count from counted where what = %s", [what]).fetchone()
        return row[0] if row else 0

    def _increment(self, what: str, tracking: Tracking) -> None:
        with self.database.transaction() as cursor:
            self.track(cursor, tracking)
            cursor.execute(
                "insert into counted values (%s, 1) on conflict (what) do update set count = counted.count + 1", [what]
            )


class TestEventCountersView(OnTheLog, shipped_projection.EventCountersViewTestCase):
    def construct_event_counters_view(self) -> Counted:
        return Counted(self.database, "eventcounters")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped cases give a projection one second, which a machine may stand still for."""
    monkeypatch.setattr(TrackingRecorder.wait, "__defaults__", (PATIENCE, None))
    monkeypatch.setattr(BaseProjectionRunner.wait, "__defaults__", (PATIENCE,))


class TestProjectionOfAggregateEvents(InTheEnvironment, shipped_projection.AggregateEventCountersProjectionTestCase):
    view_class = Counted

    @pytest.mark.usefixtures("patient")
    def test_event_counters_projection(self) -> None:
        super().test_event_counters_projection()  # the other case waits in vain, on purpose


@pytest.mark.usefixtures("patient")
class TestEventSourcedProjection(InTheEnvironment, shipped_projection.EventSourcedProjectionTestCase):
    pass
