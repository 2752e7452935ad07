"""The life of processes against a small model: any steps, in any order, in memory and across reopening.

The model holds what section 6 of ColonyOS's rules says, with a clock of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.processes import add, claim, ids
from velocity import Config, NotFoundError
from velocity.py.colonyos import (
    CANCELLED,
    ENV,
    FAILED,
    IN,
    RUNNING,
    SUCCESS,
    WAITING,
    ZERO_TIME,
    Attribute,
    ColonyOSAdapter,
    Process,
    ProcessStateError,
)
from velocity.py.colonyos.store import now

STATES = (WAITING, RUNNING, SUCCESS, FAILED, CANCELLED)
CLOCKS = ("process_queue", "process_life", "process_finders", "timeouts")
NAMES = {WAITING: "waiting", RUNNING: "running", SUCCESS: "successful", FAILED: "failed", CANCELLED: "cancelled"}


@dataclass
class Model:
    """A process as the rules have it. attributes: key -> [value, type, state]."""

    id: str
    number: int
    priority: int
    names: list[str]
    type: str
    mem: int
    maxwait: int
    maxexec: int
    maxretries: int
    submitted: object
    prioritytime: int
    state: int = WAITING
    executor: str | None = None
    start: object = ZERO_TIME
    end: object = ZERO_TIME
    waitdeadline: object = ZERO_TIME
    execdeadline: object = ZERO_TIME
    retries: int = 0
    errors: list = field(default_factory=list)
    attributes: dict = field(default_factory=dict)

    def become(self, state):
        self.state = state
        for attribute in self.attributes.values():
            attribute[2] = state

    def wait(self, moment):
        self.become(WAITING)
        self.executor = None
        if self.maxwait > 0:
            self.waitdeadline = moment + timedelta(seconds=self.maxwait)

    def run(self, executor, moment):
        self.become(RUNNING)
        self.executor, self.start = executor, moment
        if self.maxexec > 0:
            self.execdeadline = moment + timedelta(seconds=self.maxexec)

    def finish(self, state, moment):
        self.become(state)
        self.end = moment

    def retry(self, moment):
        self.wait(moment)
        self.end = moment
        self.retries += 1

    def candidate(self, name, type, memory):
        return (self.state == WAITING and self.executor is None and self.type == type
                and self.mem <= memory and (not self.names or name in self.names))  # fmt: skip

    def seen(self):
        return {
            "state": self.state, "isassigned": self.executor is not None, "assignedexecutorid": self.executor or "",
            "submissiontime": self.submitted, "starttime": self.start, "endtime": self.end,
            "waitdeadline": self.waitdeadline, "execdeadline": self.execdeadline, "retries": self.retries,
            "prioritytime": self.prioritytime, "errors": self.errors,
        }  # fmt: skip


class LifeCycle(RuleBasedStateMachine):
    """The adapter beside the model."""

    @initialize(durable=st.booleans())
    def open(self, durable):
        self.dir = tempfile.mkdtemp(dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")) if durable else None
        self.models: dict[str, Model] = {}
        self.time, self.added = now(), 0
        self.patches = [
            mock.patch(f"velocity.py.colonyos.{module}.{'time_now' if module == 'timeouts' else 'now'}", lambda: self.time)
            for module in CLOCKS
        ]
        for patch in self.patches:
            patch.start()
        self.adapter = self.opened()

    def opened(self):
        mode = "persistent" if self.dir else "memory-only"
        return ColonyOSAdapter(Config(data_dir=self.dir, storage_mode=mode))

    def teardown(self):
        if hasattr(self, "adapter"):
            for patch in self.patches:
                patch.stop()
            self.adapter.close()
            if self.dir:
                shutil.rmtree(self.dir)

    def tick(self, seconds=1):
        self.time += timedelta(seconds=seconds)
        return self.time

    def pick(self, which) -> Model:
        return list(self.models.values())[which % len(self.models)]

    @rule(priority=st.integers(-2, 2), names=st.sampled_from([[], ["*"], ["a"], ["a", "b"]]), type=st.sampled_from("tu"),
          mem=st.integers(0, 3), maxwait=st.sampled_from([-1, 0, 5]), maxexec=st.sampled_from([-1, 0, 5]),
          maxretries=st.integers(-1, 2), env=st.booleans(), ticks=st.integers(0, 1))  # fmt: skip
    def add(self, priority, names, type, mem, maxwait, maxexec, maxretries, env, ticks):
        moment = self.tick(ticks)
        process = add(self.adapter, type=type, priority=priority, maxwaittime=maxwait, maxexectime=maxexec,
                      maxretries=maxretries, env={"E": "1"} if env else {},
                      conditions={"executornames": names, "mem": f"{mem}Mi"})  # fmt: skip
        self.added += 1
        model = Model(process.processid, self.added, priority, [] if names == ["*"] else names, type, mem, maxwait, maxexec,
                      maxretries, moment, process.prioritytime)  # fmt: skip
        if env:
            model.attributes["E"] = ["1", ENV, 0]
        if maxwait > 0:
            model.waitdeadline = moment + timedelta(seconds=maxwait)
        self.models[model.id] = model

    @rule(name=st.sampled_from("abc"), type=st.sampled_from("tu"), memory=st.integers(0, 3))
    def claim(self, name, type, memory):
        moment = self.tick()
        fit = [each for each in self.models.values() if each.candidate(name, type, memory)]
        first = min(fit, key=lambda each: (each.prioritytime, each.number), default=None)
        process = claim(self.adapter, name, type, memory=memory * 2**20)
        if first is None:
            assert process is None
            return
        assert process.processid == first.id
        first.run(name, moment)

    @precondition(lambda self: self.models)
    @rule(which=st.integers(0, 99), name=st.sampled_from("abc"))
    def assign(self, which, name):
        model, moment = self.pick(which), self.tick()
        process = Process(processid=model.id)
        if self.refused(lambda: self.adapter.assign(name, process), model.executor is not None or model.state == CANCELLED):
            return
        model.run(name, moment)
        assert (process.state, process.starttime, process.execdeadline) in (
            (RUNNING, moment, model.execdeadline), (RUNNING, moment, ZERO_TIME))  # fmt: skip

    def refused(self, call, forbidden):
        if not forbidden:
            call()
            return False
        try:
            call()
        except ProcessStateError:
            return True
        raise AssertionError("was not refused")

    @precondition(lambda self: self.models)
    @rule(which=st.integers(0, 99), afresh=st.booleans())
    def back_to_the_queue(self, which, afresh):
        model, moment = self.pick(which), self.tick()
        process = Process(processid=model.id)
        if afresh:
            self.adapter.reset_process(process)
            model.wait(moment)
            model.submitted, model.start, model.end = moment, ZERO_TIME, ZERO_TIME
        else:
            self.adapter.unassign(process)
            model.retry(moment)

    @precondition(lambda self: self.models)
    @rule(which=st.integers(0, 99), state=st.sampled_from([SUCCESS, FAILED, CANCELLED]), close=st.booleans())
    def finish(self, which, state, close):
        model, moment = self.pick(which), self.tick()
        with mock.patch("velocity.py.colonyos.workflows.now", lambda: moment):
            if state == SUCCESS:
                step = self.adapter.close_successful if close else self.adapter.mark_successful
                done = self.refused(lambda: step(model.id), model.state not in (RUNNING, SUCCESS))
            elif state == FAILED:
                step = self.adapter.close_failed if close else self.adapter.mark_failed
                done = self.refused(lambda: step(model.id, ["why"]), model.state not in (WAITING, RUNNING))
            else:
                done = self.refused(lambda: self.adapter.mark_cancelled(model.id), model.state not in (WAITING, RUNNING))
        if not done:
            model.finish(state, moment)
            if state == FAILED:
                model.errors = ["why"]

    @precondition(lambda self: self.models)
    @rule(which=st.integers(0, 99), state=st.sampled_from(STATES))
    def set_state(self, which, state):
        model = self.pick(which)
        self.adapter.set_process_state(model.id, state)
        model.become(state)

    @rule(seconds=st.integers(0, 7))
    def time_out(self, seconds):
        moment, handled = self.tick(seconds), 0
        for model in self.models.values():
            if model.state == RUNNING and model.maxexec != -1 and ZERO_TIME < model.execdeadline < moment:
                handled += 1
                if -1 < model.maxretries <= model.retries:
                    model.finish(FAILED, moment)
                    model.errors = ["Maximum execution time limit exceeded"]
                else:
                    model.retry(moment)
            elif model.state == WAITING and model.maxwait > 0 and ZERO_TIME < model.waitdeadline < moment:
                handled += 1
                model.finish(FAILED, moment)
                model.errors = ["Maximum waiting time limit exceeded"]
        assert self.adapter.handle_timeouts() == handled

    @precondition(lambda self: self.models)
    @rule(which=st.integers(0, 99), key=st.sampled_from("EFG"), type=st.sampled_from([IN, ENV]), value=st.sampled_from("xy"))
    def attribute(self, which, key, type, value):
        model = self.pick(which)
        attribute = Attribute.create(model.id, "c", "", type, key, value)
        held = model.attributes.get(key)
        if held is None:
            self.adapter.add_attribute(attribute)
            model.attributes[key] = [value, type, 0]
        elif held[1] == type:
            self.adapter.update_attribute(attribute)
            held[0] = value

    @precondition(lambda self: self.models)
    @rule(which=st.integers(0, 99))
    def remove(self, which):
        model = self.pick(which)
        self.adapter.remove_process_by_id(model.id)
        del self.models[model.id]

    @rule(state=st.sampled_from(STATES))
    def remove_of_state(self, state):
        getattr(self.adapter, f"remove_all_{NAMES[state]}_processes_by_colony_name")("c")
        self.models = {id: model for id, model in self.models.items() if model.state != state}

    @rule()
    def unknown(self):
        for call in (self.adapter.mark_successful, self.adapter.mark_cancelled, self.adapter.close_successful):
            try:
                call("unknown")
            except NotFoundError:
                continue
            raise AssertionError("was not refused")

    @precondition(lambda self: self.dir)
    @rule()
    def reopen(self):
        self.adapter.close()
        self.adapter = self.opened()

    @invariant()
    def each_is_as_the_model_says(self):
        if not hasattr(self, "adapter"):
            return
        assert self.adapter.count_processes() == len(self.models)
        assert len(self.adapter._data.attributes) == sum(len(each.attributes) for each in self.models.values())
        for id, model in self.models.items():
            process = self.adapter.get_process_by_id(id)
            assert {name: getattr(process, name) for name in model.seen()} == model.seen()
            assert {each.key: [each.value, each.attributetype, each.state] for each in process.attributes} == model.attributes
            assert process.spec.env == {
                key: value for key, (value, type, _) in model.attributes.items() if type == ENV
            }

    @invariant()
    def lists_are_as_the_model_says(self):
        if not hasattr(self, "adapter"):
            return
        orders = {
            WAITING: lambda each: (each.prioritytime, each.number), RUNNING: lambda each: (each.start, each.number),
        }  # fmt: skip
        for state, name in NAMES.items():
            there = [each for each in self.models.values() if each.state == state]
            if state in orders:
                there.sort(key=orders[state])
            else:
                there.sort(key=lambda each: (each.end, each.number), reverse=True)
            found = getattr(self.adapter, f"find_{name}_processes")("c", "", "", "", 1000)
            assert ids(found) == [each.id for each in there]
            assert getattr(self.adapter, f"count_{name}_processes")() == len(there)


TestLifeCycle = LifeCycle.TestCase
TestLifeCycle.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
