"""The PostgreSQL side: ColonyOS's statements, each in a transaction of its own, as there.

Rows become dicts, and JSON columns Python objects, which is less than ours does. Statements are
prepared after their first use (psycopg does so by itself).
"""

import json
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta, timezone
from multiprocessing import get_context
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bench.colonyos import tables
from bench.colonyos.face import COLONY, WORKERS, process_id, spec
from bench.colonyos.spans import Span, assign_many, whole

JSON_COLUMNS = ("args", "kwargs", "input", "output", "fs")
DAY_NS = 86_400 * 10**9
UNLIMITED = 2**63 - 1

INSERT = """INSERT INTO processes (process_id, target_colony_name, target_executor_names,
    assigned_executor_id, state, is_assigned, executor_type, submission_time, start_time, end_time,
    wait_deadline, exec_deadline, errors, retries, nodename, funcname, args, kwargs, max_wait_time,
    max_exec_time, max_retries, dependencies, priority, prioritytime, wait_for_parents, parents,
    children, processgraph_id, input, output, label, fs, nodes, cpu, processes, processes_per_node,
    memory, storage, gpuname, gpucount, gpumem, walltime, initiator_id, initiator_name, blueprint,
    channels, location_name) VALUES (""" + ", ".join(["%s"] * 47) + ")"

BY_ID = "SELECT * FROM processes WHERE process_id = %s"
ATTRIBUTES_OF = "SELECT * FROM attributes WHERE target_id = %s"
FIND_WAITING = """SELECT * FROM processes WHERE target_colony_name = %s AND executor_type = %s
    AND state = 0 ORDER BY prioritytime LIMIT 10"""
ASSIGN = """UPDATE processes SET is_assigned = TRUE, start_time = NOW(), assigned_executor_id = %s,
        state = 1, exec_deadline = CASE WHEN max_exec_time > 0
            THEN NOW() + (max_exec_time * INTERVAL '1 second') ELSE exec_deadline END
    WHERE process_id = (
        SELECT process_id FROM processes
        WHERE (%s = ANY(target_executor_names)
            OR array_length(target_executor_names, 1) IS NULL
            OR target_executor_names = ARRAY['*']::text[])
        AND executor_type = %s AND state = 0 AND is_assigned = FALSE AND wait_for_parents = FALSE
        AND target_colony_name = %s AND cpu <= %s AND memory <= %s AND storage <= %s
        AND nodes <= %s AND processes <= %s AND processes_per_node <= %s
        AND (location_name IS NULL OR location_name = '' OR LOWER(location_name) = LOWER(%s))
        ORDER BY prioritytime ASC LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING *"""
ATTRIBUTE_STATE = "UPDATE attributes SET state = %s WHERE target_id = %s"
MARK = "UPDATE processes SET end_time = %s, state = 2 WHERE process_id = %s"


def make_tables(where: str) -> None:
    """The tables, in a cluster that has none."""
    with psycopg.connect(where, autocommit=True) as connection:
        for statement in tables.statements():
            connection.execute(statement)


class Postgres:
    """One connection."""

    def __init__(self, where: str) -> None:
        self.connection = psycopg.connect(where, autocommit=True, row_factory=dict_row)
        self.execute = self.connection.execute

    def add(self, number: int) -> None:
        self.execute(INSERT, values_of(number))

    def get(self, number: int) -> Any:
        row = self.execute(BY_ID, (process_id(number),)).fetchone()
        return self._process(row) if row else None

    def find_waiting(self, executortype: str) -> int:
        rows = self.execute(FIND_WAITING, (COLONY, executortype)).fetchall()
        return len([self._process(row) for row in rows])

    def assign(self, executor: str, executortype: str) -> str | None:
        given = (executor, executor, executortype, COLONY, *(3 * [UNLIMITED]), *(3 * [127]), "")
        row = self.execute(ASSIGN, given).fetchone()
        if row is None:
            return None
        process = self._process(row)
        self.execute(ATTRIBUTE_STATE, (1, process["process_id"]))
        return process["process_id"]

    def mark_successful(self, processid: str) -> None:
        row = self.execute(BY_ID, (processid,)).fetchone()
        assert row is not None and self._process(row)["state"] == 1
        self.execute(MARK, (datetime.now(timezone.utc), processid))
        self.execute(ATTRIBUTE_STATE, (2, processid))

    def load(self, numbers: range) -> None:
        """Many processes at once, as quickly as it goes."""
        columns = INSERT.partition("(")[2].partition(")")[0]
        with self.connection.cursor() as cursor:
            with cursor.copy(f"COPY processes ({columns}) FROM STDIN") as copy:
                for number in numbers:
                    copy.write_row(values_of(number))

    def tidy(self) -> None:
        """Statistics for the planner and no dead rows, as autovacuum leaves them after a while."""
        self.execute("VACUUM ANALYZE")

    def close(self) -> None:
        self.connection.close()

    def _process(self, row: dict[str, Any]) -> dict[str, Any]:
        row["attributes"] = self.execute(ATTRIBUTES_OF, (row["process_id"],)).fetchall()
        for column in JSON_COLUMNS:
            row[column] = json.loads(row[column])
        return row


def values_of(number: int) -> tuple[Any, ...]:
    """The columns of a process, in INSERT's order."""
    given, now = spec(number), datetime.now(timezone.utc)
    conditions, zero = given.conditions, datetime(1, 1, 1, tzinfo=timezone.utc)
    priority_time = int(now.timestamp() * 1e9) - given.priority * DAY_NS
    return (
        process_id(number), COLONY, conditions.executornames, "", 0, False,
        conditions.executortype, now, zero, zero, now + timedelta(seconds=given.maxwaittime), zero,
        [], 0, given.nodename, given.funcname, json.dumps(given.args), json.dumps(given.kwargs),
        given.maxwaittime, given.maxexectime, given.maxretries, [], given.priority, priority_time,
        False, [], [], "", "[]", "[]", given.label, json.dumps(given.fs.to_dict()),
        conditions.nodes, 1000, conditions.processes, conditions.processespernode, 1 << 30, 0,
        "", "0", 0, 0, "", "", "", [], "",
    )


class ProcessWorkers:
    """Eight processes with a connection each, as a server's workers have: no interpreter in common."""

    def __init__(self, where: str) -> None:
        context = get_context("spawn")
        ready = context.Barrier(WORKERS)
        self._pool = ProcessPoolExecutor(
            WORKERS, mp_context=context, initializer=_connect, initargs=(where, ready)
        )

    def run(self, calls: int) -> tuple[float, list[float]]:
        """Seconds until the last was done, and of each call."""
        # None begins before all have one, so that each process gets one.
        done = [self._pool.submit(_work, number, calls) for number in range(WORKERS)]
        return whole([each.result() for each in done])

    def close(self) -> None:
        self._pool.shutdown()


_in_process: tuple[Postgres, Any]  # a worker's connection, and the barrier of all


def _connect(where: str, ready: Any) -> None:
    global _in_process
    _in_process = Postgres(where), ready


def _work(number: int, calls: int) -> Span:
    side, ready = _in_process
    ready.wait()
    return assign_many(side, number, calls)
