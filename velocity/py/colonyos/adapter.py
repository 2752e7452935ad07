"""ColonyOSAdapter: the groups of ColonyOS's database interface in one class."""

from __future__ import annotations

from velocity.py.colonyos.assignment import Assignment
from velocity.py.colonyos.attributes import Attributes
from velocity.py.colonyos.blueprint_definitions import BlueprintDefinitions
from velocity.py.colonyos.blueprint_history import BlueprintHistories
from velocity.py.colonyos.blueprints import Blueprints
from velocity.py.colonyos.colonies import Colonies
from velocity.py.colonyos.cron_runs import CronRuns
from velocity.py.colonyos.crons import Crons
from velocity.py.colonyos.executors import Executors
from velocity.py.colonyos.file_labels import FileLabels
from velocity.py.colonyos.files import Files
from velocity.py.colonyos.functions import Functions
from velocity.py.colonyos.generator_args import GeneratorArgs
from velocity.py.colonyos.generator_runs import GeneratorRuns
from velocity.py.colonyos.generators import Generators
from velocity.py.colonyos.graph_counts import ProcessGraphCounts
from velocity.py.colonyos.graphs import ProcessGraphs
from velocity.py.colonyos.locations import Locations
from velocity.py.colonyos.logs import Logs
from velocity.py.colonyos.process_counts import ProcessCounts
from velocity.py.colonyos.process_finders import ProcessFinders
from velocity.py.colonyos.process_life import ProcessLife
from velocity.py.colonyos.process_queue import ProcessQueue
from velocity.py.colonyos.process_removal import ProcessRemoval
from velocity.py.colonyos.retention import Retention
from velocity.py.colonyos.security import Security
from velocity.py.colonyos.snapshots import Snapshots
from velocity.py.colonyos.timeouts import Timeouts
from velocity.py.colonyos.users import Users


class ColonyOSAdapter(
    Users,
    Colonies,
    Locations,
    Executors,
    Functions,
    Attributes,
    Generators,
    GeneratorArgs,
    GeneratorRuns,
    Crons,
    CronRuns,
    Logs,
    Files,
    FileLabels,
    Snapshots,
    Blueprints,
    BlueprintDefinitions,
    BlueprintHistories,
    Retention,
    ProcessQueue,
    ProcessFinders,
    ProcessLife,
    ProcessRemoval,
    ProcessCounts,
    Assignment,
    ProcessGraphs,
    ProcessGraphCounts,
    Timeouts,
    Security,
):
    """ColonyOS's database interface on VelocityDB.

    Takes a Config, or an open VelocityDB, which close() leaves open; a context manager. Any thread
    may call any method; each is one atomic step. What it raises is a VelocityError: SchemaError for
    an argument of the wrong type, DatabaseClosedError after close(), and what its text names.
    """
