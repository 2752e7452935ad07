"""Numbers of field names: given once, capped, exported, imported, shared by threads."""

import struct
import threading

import pytest

from velocity._core.codec import Codec

CAP = 65_535


@pytest.fixture
def codec():
    return Codec()


def test_numbers_follow_the_order_of_first_use(codec):
    codec.encode({"b": 1, "a": {"c": 1, "b": 2}, "": [{"d": 1}]})
    codec.encode({"d": 1, "e": 1, "a": 1})
    assert codec.names() == ["b", "a", "c", "", "d", "e"]
    assert [codec.number(name) for name in codec.names()] == [1, 2, 3, 4, 5, 6]
    assert codec.number("f") == 0


def test_a_name_of_255_bytes_has_a_number_and_a_longer_one_stands_inline(codec):
    short, long, wide = "n" * 255, "n" * 256, "ü" * 128
    body = codec.encode({short: 1, long: 2, wide: 3})
    assert codec.names() == [short]
    assert body == (
        b"\x03\x01\x91\x00\x80\x02" + long.encode() + b"\x92\x00\x80\x02" + wide.encode() + b"\x93"
    )
    codec.validate(body)
    assert codec.decode(body) == {short: 1, long: 2, wide: 3}


def test_names_past_the_cap_stand_inline(codec):
    fields = {f"name{i}": i for i in range(CAP + 3)}
    body = codec.encode(fields)
    assert len(codec.names()) == CAP
    codec.validate(body)
    assert codec.decode(body) == fields
    assert codec.decode_field(body, f"name{CAP - 1}") == CAP - 1
    assert codec.decode_field(body, f"name{CAP + 2}") == CAP + 2
    assert not codec.has_field(body, "other")
    more = codec.encode({"other": 1, "name7": "new", f"name{CAP}": "newer"})
    assert b"\x05other" in more
    assert codec.decode(codec.merge(body, more)) == fields | codec.decode(more)
    assert codec.matches(body, codec.encode({f"name{CAP + 1}": CAP + 1, "other": None}))
    assert not codec.matches(body, codec.encode({f"name{CAP + 1}": CAP}))
    assert codec.equal(body, codec.encode(dict(reversed(fields.items()))))
    assert len(codec.names()) == CAP


def test_memory_grows_with_the_names(codec):
    empty = codec.memory
    codec.encode({f"name{i}": 1 for i in range(1000)})
    assert 1000 * 24 < codec.memory - empty < 1000 * 200


def test_export_and_import(codec):
    codec.encode({"a": 1, "bb": {"ü": 2}, "": 3})
    payload = codec.export_names()
    assert payload == struct.pack("<II", 1, 4) + b"\x01a\x02bb\x02\xc3\xbc\x00"
    other = Codec()
    other.import_names(payload)
    assert other.names() == codec.names() == ["a", "bb", "ü", ""]
    other.import_names(payload)  # again is no harm
    other.import_names(payload + bytes(7))  # as padded in the log
    codec.encode({"c": 1})
    assert codec.export_names(5) == struct.pack("<II", 5, 1) + b"\x01c"
    other.import_names(codec.export_names(5))
    other.import_names(codec.export_names(3))
    body = codec.encode({"c": 1, "a": 2})
    assert other.decode(body) == {"c": 1, "a": 2}
    assert other.decode_field(body, "a") == 2


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x01\0\0\0\x01\0\0",
        struct.pack("<II", 1, 1),
        struct.pack("<II", 1, 1) + b"\x02a",
        struct.pack("<II", 1, 1) + b"\x01a" + bytes(8),  # more than padding
        struct.pack("<II", 1, 1) + b"\x01z",  # number 1 is "a"
        struct.pack("<II", 1, 1) + b"\x02aa",
        struct.pack("<II", 0, 1) + b"\x01b",
        struct.pack("<II", 3, 1) + b"\x01b",  # leaves out number 2
        struct.pack("<II", 2, 1) + b"\x01a",  # "a" has one already
        struct.pack("<II", 2, 1) + b"\x01\xff",  # not UTF-8
        struct.pack("<II", 2, 0xFFFFFFFF) + b"\x01b",
        struct.pack("<II", 0xFFFFFFFF, 1) + b"\x01b",
    ],
)
def test_names_that_do_not_fit_are_refused(codec, payload):
    codec.encode({"a": 1})
    with pytest.raises(ValueError, match="do not fit"):
        codec.import_names(payload)
    assert codec.names()[:1] == ["a"]


def test_the_cap_holds_for_imported_names(codec):
    names = b"".join(bytes([len(n)]) + n for n in (f"n{i}".encode() for i in range(CAP)))
    codec.import_names(struct.pack("<II", 1, CAP) + names)
    assert len(codec.names()) == CAP
    last = b"\x06n65534"
    codec.import_names(struct.pack("<II", CAP, 1) + last)
    for payload in (struct.pack("<II", CAP + 1, 1), struct.pack("<II", CAP, 2) + last):
        with pytest.raises(ValueError, match="do not fit"):
            codec.import_names(payload + b"\x01x")
    assert len(codec.names()) == CAP


def test_threads_share_numbers():
    codec = Codec()
    start = threading.Barrier(4)
    bodies, failures = [[] for _ in range(4)], []

    def work(mine):
        try:
            start.wait()
            for i in range(300):
                # Fresh str objects; half of the names are everyone's, the rest each thread's own.
                fields = {f"shared{(i + n) % 700}": n for n in range(5)} | {f"own{mine}-{i}": i}
                bodies[mine].append((codec.encode(fields), fields))
                assert codec.decode(bodies[mine][-1][0]) == fields
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    names = codec.names()
    assert len(names) == len(set(names)) == 304 + 4 * 300
    assert [codec.number(name) for name in names] == list(range(1, len(names) + 1))
    for body, fields in (pair for each in bodies for pair in each):
        assert codec.decode(body) == fields
        for name, value in fields.items():
            assert codec.decode_field(body, name) == value
