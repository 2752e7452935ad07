"""Bodies as the Python SDK (pycolonies 1.0.25) sends them, and as its models want them back."""

from __future__ import annotations

import json

import pytest

from support.colonyos import a_process
from velocity.py.colonyos import (
    ZERO_TIME,
    Attribute,
    Conditions,
    Cron,
    Edge,
    File,
    Filesystem,
    FunctionSpec,
    GraphNode,
    Process,
    ProcessGraph,
    WorkflowSpec,
)

GPU = '{"name": "", "mem": "", "count": 0, "nodecount": 0}'
NAMED = (  # func_spec("echo", ["hi", 2], "dev", "python", executorname="e1")
    '{"nodename": "echo", "funcname": "echo", "args": ["hi", 2], "kwargs": null, "priority": 1, "maxwaittime": -1, '
    '"maxexectime": -1, "maxretries": -1, "conditions": {"colonyname": "dev", "executornames": ["e1"], '
    '"executortype": "python", "dependencies": [], "nodes": 0, "cpu": "", "processes": 0, "processespernode": 0, '
    f'"mem": "", "storage": "", "gpu": {GPU}, "walltime": 0}}, "label": "", "fs": null, "env": {{}}, "channels": []}}'
)
FREE = (  # FuncSpec(funcname="sum", conditions=Conditions(...)), executornames and gpu not given
    '{"nodename": "", "funcname": "sum", "args": [], "kwargs": {"l": ["x"]}, "priority": 0, "maxwaittime": 0, '
    '"maxexectime": 0, "maxretries": 0, "conditions": {"colonyname": "dev", "executornames": null, '
    '"executortype": "cli", "dependencies": ["echo"], "nodes": 0, "cpu": "1000m", "processes": 0, '
    '"processespernode": 0, "mem": "10Gi", "storage": "", "gpu": null, "walltime": 0}, "label": "", '
    '"fs": {"mount": "", "snapshots": null, "dirs": null}, "env": {"code": "cHJpbnQoMSk="}, "channels": ["c"]}'
)
NAMED_SPEC = FunctionSpec(
    "echo", "echo", ["hi", 2], {}, 1, -1, -1, -1, Conditions("dev", ["e1"], "python")
)
FREE_SPEC = FunctionSpec(
    funcname="sum", kwargs={"l": ["x"]}, env={"code": "cHJpbnQoMSk="}, channels=["c"],
    conditions=Conditions("dev", [], "cli", dependencies=["echo"], cpu="1000m", mem="10Gi"),
)  # fmt: skip


@pytest.mark.parametrize("text, spec", [(NAMED, NAMED_SPEC), (FREE, FREE_SPEC)])
def test_function_specifications_that_it_sends(text, spec):
    read = FunctionSpec.from_json(text)
    assert read == FunctionSpec.from_dict(json.loads(text)) == spec
    assert read.fs == Filesystem() and FunctionSpec.from_json(read.to_json()) == read


def test_workflows_and_crons_that_it_sends():
    text = f'{{"colonyname": "dev", "functionspecs": [{NAMED}, {FREE}]}}'
    workflow = WorkflowSpec("dev", [NAMED_SPEC, FREE_SPEC])
    assert WorkflowSpec.from_json(text) == workflow
    sent = {
        "name": "c", "colonyname": "dev", "interval": -1, "waitforprevprocessgrap": True,  # its spelling
        "cronexpression": "0/1 * * * * *", "workflowspec": text,
    }  # fmt: skip
    cron = Cron.from_dict(sent)
    assert cron == Cron(name="c", colonyname="dev", interval=-1, cronexpression="0/1 * * * * *", workflowspec=text)
    assert WorkflowSpec.from_json(cron.workflowspec) == workflow


def test_files_that_it_sends():
    sent = (
        '{"fileid": "", "colonyname": "dev", "label": "/data", "name": "a.txt", "size": 3, "sequencenr": 1, '
        '"checksum": "ab", "checksumalg": "SHA256", "ref": {"protocol": "s3", "s3object": {"server": "s", '
        '"port": 9000, "tls": true, "accesskey": "", "secretkey": "", "region": "eu", "encryptionkey": "", '
        '"encryptionalg": "", "object": "o", "bucket": "b"}}, "added": null}'
    )
    file = File.from_json(sent)
    assert (file.ref.s3object.object, file.ref.s3object.tls, file.added) == ("o", True, ZERO_TIME)
    assert file.to_dict() == json.loads(sent) | {"added": "0001-01-01T00:00:00Z"}


def test_attributes_that_it_sends():
    sent = {"key": "k", "value": "v", "targetid": "p", "attributetype": 1}
    assert Attribute.from_dict(sent) == Attribute(targetid="p", attributetype=1, key="k", value="v")


def test_what_it_wants_of_a_process():
    """Its models take no null for these keys, and none may be missing."""
    process = a_process(args=["a"], env={"A": "1"})
    written = process.to_dict()
    texts = ("processid", "initiatorid", "initiatorname", "assignedexecutorid", "processgraphid",
             "submissiontime", "starttime", "endtime", "waitdeadline", "execdeadline")  # fmt: skip
    assert all(type(written[key]) is str for key in texts)
    assert all(type(written[key]) is int for key in ("state", "prioritytime", "retries"))
    assert all(type(written[key]) is list for key in ("attributes", "parents", "children", "in", "out", "errors"))
    assert written["isassigned"] is False and written["waitforparents"] is False
    assert written["spec"]["conditions"]["executortype"] == "python"
    assert Process.from_json(json.dumps(written)) == process


def test_what_it_wants_of_a_graph():
    graph = ProcessGraph.create("dev")
    graph.add_root("p")
    graph.nodes, graph.edges = [GraphNode("p")], [Edge("e", "p", "q", True)]
    written = graph.to_dict()
    assert written["nodes"] == [{
        "id": "p", "data": {"label": ""}, "position": {"x": 0, "y": 0}, "type": "",
        "style": {"color": "", "background": ""},
    }]  # fmt: skip
    assert written["edges"] == [{"id": "e", "source": "p", "target": "q", "animated": True}]
    assert written["rootprocessids"] == ["p"] and written["processids"] == []
