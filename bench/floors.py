"""The floors: what a program does without a database, with a dict and msgpack.

F1  a dict of dicts: the document is there, ready, and anybody can change it
F2  msgpack.unpackb(d[id]): packed documents, one decoded per read
F3  d[id] = msgpack.packb(fields): one packed per write
F4  unpack, change, pack again: one field changed in a packed document
F5  del d[id] of a dict of bytes

None of them checks a type, keeps a version, locks, or writes to a disk.
"""

from msgpack import packb, unpackb

from bench.data import Fields, document, document_id

Plain = dict[str, Fields]
Packed = dict[str, bytes]


def plain_documents(count: int) -> Plain:
    return {document_id(number): document(number) for number in range(count)}


def packed_documents(count: int) -> Packed:
    return {document_id(number): packb(document(number)) for number in range(count)}


def update_packed(documents: Packed, document_id: str, changes: Fields) -> None:
    fields = unpackb(documents[document_id])
    fields.update(changes)
    documents[document_id] = packb(fields)


def swap_packed(documents: Packed, document_id: str, expected: Fields, value: Fields) -> bool:
    """Compare-and-swap of some fields, without the lock that threads would need."""
    fields = unpackb(documents[document_id])
    for name in expected:
        if fields.get(name) != expected[name]:
            return False
    fields.update(value)
    documents[document_id] = packb(fields)
    return True
