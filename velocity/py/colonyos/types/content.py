"""What processes leave behind: logs, files by label, snapshots of labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from velocity.py.colonyos.constants import ZERO_TIME
from velocity.py.colonyos.json_object import JSONObject


@dataclass
class Log(JSONObject):
    """A line that an executor wrote. timestamp: by convention nanoseconds since 1970, UTC."""

    processid: str = ""
    colonyname: str = ""
    executorname: str = ""
    message: str = ""
    timestamp: int = 0


@dataclass
class S3Object(JSONObject):
    """Where in an object store a file lies, and how to get it."""

    server: str = ""
    port: int = 0
    tls: bool = False
    accesskey: str = ""
    secretkey: str = ""
    region: str = ""
    encryptionkey: str = ""
    encryptionalg: str = ""
    object: str = ""
    bucket: str = ""


@dataclass
class Reference(JSONObject):
    """Where a file's bytes are. protocol: "s3"."""

    protocol: str = ""
    s3object: S3Object = field(default_factory=S3Object)


@dataclass
class File(JSONObject):
    """One revision of a file: of those with its colony, label and name, the newest has the
    highest sequencenr. size: bytes. The bytes themselves are where ref says."""

    fileid: str = ""
    colonyname: str = ""
    label: str = ""
    name: str = ""
    size: int = 0
    sequencenr: int = 0
    checksum: str = ""
    checksumalg: str = ""
    ref: Reference = field(default_factory=Reference)
    added: datetime = ZERO_TIME


@dataclass
class FileData(JSONObject):
    """What one needs to know to fetch a file. size: bytes."""

    name: str = ""
    checksum: str = ""
    size: int = 0
    s3filename: str = ""


@dataclass
class Label(JSONObject):
    """A label, a path such as /a/b, and how many revisions of files it has."""

    name: str = ""
    files: int = 0


@dataclass
class Snapshot(JSONObject):
    """The newest revisions of a label's files at one moment."""

    snapshotid: str = ""
    colonyname: str = ""
    label: str = ""
    name: str = ""
    fileids: list[str] = field(default_factory=list)
    added: datetime = ZERO_TIME
