"""The check of what files claim to be on disk (support/claims.py): it finds each kind of claim, and only false ones."""

from __future__ import annotations

import pytest

from support.claims import check_claims
from support.disk import Image
from velocity._core.storage import build_segment, manifest_encode, record_encode

FIRST, SECOND, MANIFEST = "0000000001.seg", "0000000002.seg", "MANIFEST"
UNKNOWN = 0xFFFFFFFF  # lag of a frame that claims nothing


def segment(*frames, base=1, durable=0, kind=1):
    """frames: (sequence, lag)."""
    put = (1, 1, record_encode(b"id", modified=1))
    header = {"id": 1, "kind": kind, "base_seq": base, "durable_seq": durable, "salt": 7}
    return build_segment(header, [(seq, lag, [put]) for seq, lag in frames], size=4096)


def manifest(durable=0, last=0):
    """last: of a sealed segment."""
    listed = {"id": 1, "salt": 7, "base_seq": 1, "last_seq": last, "size": 4096, "kind": 1, "cleaned_stamp": 0}
    return manifest_encode(
        {
            "uuid": bytes(16), "hash_seed": 1, "next_segment_id": 2, "next_collection_id": 1,
            "clean": 0, "sealed_seq": 0, "durable_seq": durable, "last_stamp": 0, "checkpoint": 0,
            "collections": [], "segments": [listed] if last else [],
        }
    )  # fmt: skip


def image(unlisted=(), **files):
    """files: name -> contents since the last sync; unlisted: names that are not on disk."""
    names = {name: number for number, name in enumerate(files)}
    durable = {name: number for name, number in names.items() if name not in unlisted}
    pending = tuple({name: names[name]} for name in unlisted)
    return Image({names[name]: tuple(data) for name, data in files.items()}, names, durable, pending)


ONE = segment((1, UNKNOWN))
TWO = segment((1, UNKNOWN), (2, UNKNOWN))

FALSE = {
    "watermark": {FIRST: [ONE, segment((1, UNKNOWN), (2, UNKNOWN), durable=2)]},
    "lag": {FIRST: [ONE, segment((1, UNKNOWN), (2, UNKNOWN), (3, 1))]},
    "lag in another segment": {FIRST: [ONE, TWO], SECOND: [b"", segment((3, 1), base=3)]},
    "manifest": {FIRST: [ONE, TWO], MANIFEST: [manifest(durable=2)]},
    "a manifest that is being made": {FIRST: [ONE, TWO], f"{MANIFEST}.tmp": [b"", manifest(durable=2)]},
    "sealed": {FIRST: [ONE, TWO], MANIFEST: [manifest(last=2)]},
}


@pytest.mark.parametrize("files", FALSE.values(), ids=FALSE)
def test_false_claims(files):
    with pytest.raises(AssertionError, match=f"frame 2 in {FIRST} at .* but it is not"):
        check_claims(image(**files))


@pytest.mark.parametrize("files", FALSE.values(), ids=FALSE)
def test_the_same_once_it_is_synced(files):
    synced = files | {FIRST: files[FIRST][-1:]}
    check_claims(image(**synced))
    with pytest.raises(AssertionError, match=f"{FIRST} at .* but the name is not"):
        check_claims(image(unlisted=[FIRST], **synced))


def test_a_claim_that_was_there_for_a_moment():
    """Its sector may have reached the disk."""
    with pytest.raises(AssertionError, match="but it is not"):
        check_claims(image(**{FIRST: [ONE, segment((1, UNKNOWN), durable=2), TWO]}))


def test_what_claims_nothing():
    check_claims(image(**{FIRST: [bytes(4096), TWO], MANIFEST: [manifest(durable=0)]}))
    check_claims(image(unlisted=[FIRST], **{FIRST: [b"", TWO], MANIFEST: [b"", manifest()[:20]]}))
    check_claims(image(**{FIRST: [ONE, TWO], SECOND: [segment((1, 0), kind=2)]}))
    with pytest.raises(AssertionError):  # copies of frames in a compacted segment claim, too
        check_claims(image(**{FIRST: [ONE, TWO], SECOND: [segment((2, 0), kind=2)]}))
