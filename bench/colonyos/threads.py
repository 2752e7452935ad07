"""Eight workers as threads of one program."""

import threading

from bench.colonyos.face import WORKERS, Side
from bench.colonyos.spans import Span, assign_many, whole


class ThreadWorkers:
    """Threads on one side, which they share."""

    def __init__(self, side: Side) -> None:
        self._side = side

    def run(self, calls: int) -> tuple[float, list[float]]:
        """Seconds until the last was done, and of each call."""
        spans: list[Span] = []
        ready = threading.Barrier(WORKERS)

        def work(number: int) -> None:
            ready.wait()
            spans.append(assign_many(self._side, number, calls))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return whole(spans)
