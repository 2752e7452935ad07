"""Process graphs: the processes of a workflow, who waits for whom, and how to draw them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from velocity.py.colonyos.constants import WAITING, ZERO_TIME
from velocity.py.colonyos.identifiers import random_id
from velocity.py.colonyos.json_object import JSONObject
from velocity.py.colonyos.types.graph_walk import GraphWalk


@dataclass
class GraphData(JSONObject):
    """What a node says."""

    label: str = ""


@dataclass
class GraphPosition(JSONObject):
    """Where a node is drawn: pixels."""

    x: int = 0
    y: int = 0


@dataclass
class GraphStyle(JSONObject):
    """How a node is drawn: colours as CSS has them."""

    color: str = ""
    background: str = ""


@dataclass
class GraphNode(JSONObject):
    """A process in a drawing."""

    id: str = ""
    data: GraphData = field(default_factory=GraphData)
    position: GraphPosition = field(default_factory=GraphPosition)
    type: str = ""
    style: GraphStyle = field(default_factory=GraphStyle)


@dataclass
class Edge(JSONObject):
    """A line from a parent (source) to its child (target) in a drawing."""

    id: str = ""
    source: str = ""
    target: str = ""
    animated: bool = False


@dataclass
class ProcessGraph(GraphWalk, JSONObject):
    """The processes of a workflow. The graph knows its roots, each process its children."""

    processgraphid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    colonyname: str = ""
    rootprocessids: list[str] = field(default_factory=list)
    state: int = 0
    submissiontime: datetime = ZERO_TIME
    starttime: datetime = ZERO_TIME
    endtime: datetime = ZERO_TIME
    processids: list[str] = field(default_factory=list)
    nodes: list[GraphNode] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    @classmethod
    def create(cls, colonyname: str) -> ProcessGraph:
        """A new graph without processes, WAITING."""
        return cls(random_id(), colonyname=colonyname, state=WAITING)

    def add_root(self, processid: str) -> None:
        """Add a process that waits for no other."""
        self.rootprocessids.append(processid)
