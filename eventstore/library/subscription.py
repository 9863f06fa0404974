"""Following an application on the log: reads until there is no more, then waits to be told of the next append."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

from eventsourcing.persistence import ApplicationRecorder, ListenNotifySubscription, OperationalError, ShutDown

if TYPE_CHECKING:
    from eventstore.library.recorders import LogApplicationRecorder

ATTEMPTS = 10
SECONDS_BETWEEN_ATTEMPTS = 0.2
SECONDS_BETWEEN_LOOKS = 0.1  # how soon the listening thread sees that it was stopped


class LogSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """An iterator over the application's events after `gt`: each once, in the order of the log, without end. Positions
    become visible in their order and without gaps, so whatever is read last is where the next reading starts.

    One thread reads ahead, one listens on a connection of its own. An error of either ends the iteration with it."""

    def __init__(self, recorder: LogApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        self._database = recorder.database
        super().__init__(recorder, gt=gt, topics=topics)
        self._listen_thread = Thread(target=self._listen)
        self._listen_thread.start()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._listen_thread.join()

    def _pull(self) -> None:
        # Instead of the inherited one, which stays at the last event that it delivered: where most appends are of other
        # applications or other topics, it would read the same rows again after each of them.
        while not self._has_been_stopped:
            self._has_been_notified.clear()
            after, newest = self._last_notification_id or 0, self._recorder.max_notification_id() or 0
            if newest <= after:
                return
            notifications = self._recorder.select_notifications(
                after, self._select_limit, stop=newest, topics=self._topics, inclusive_of_start=False
            )
            if notifications:
                try:
                    self._notifications_queue.put(notifications)
                except ShutDown:
                    return
            whole = len(notifications) < self._select_limit
            self._last_notification_id = newest if whole else notifications[-1].id

    def _listen(self) -> None:
        failures = 0
        while not self._has_been_stopped:
            try:
                with self._database.listening() as connection:
                    failures = 0
                    self._has_been_notified.set()  # for what was appended before the connection listened
                    while not self._has_been_stopped:
                        for _ in connection.notifies(timeout=SECONDS_BETWEEN_LOOKS, stop_after=1):
                            self._has_been_notified.set()
            except OperationalError as error:
                failures += 1
                if failures == ATTEMPTS:
                    self._fail(error)
                sleep(SECONDS_BETWEEN_ATTEMPTS)
            except BaseException as error:
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._thread_error is None:
            self._thread_error = error
        self.stop()
