"""Server: what has to be done by the clock, a few times a second."""

from __future__ import annotations

import threading

from velocity.py.colonyos import ColonyOSAdapter

PERIOD = 0.2  # seconds


class Server(threading.Thread):
    """Ends processes past their deadlines, and starts what generators and crons are to start."""

    def __init__(self, db: ColonyOSAdapter) -> None:
        super().__init__(name="server")
        self._db = db
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(PERIOD):
            self._db.handle_timeouts()
            self._db.run_generators()
            self._db.run_crons()

    def stop(self) -> None:
        self._stopping.set()
        self.join()
