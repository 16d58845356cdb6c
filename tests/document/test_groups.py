"""Groups: names, colours and skeletons."""

import pytest

from app.document.changes import Change
from app.document.groups import GroupInfo
from app.document.project import Document
from tests.document.building import snapshot, video_ref, walk_back_and_forth
from tracker.labels.table import colour_for


@pytest.fixture
def document():
    """Three tracks of the group "face", two of "hand", one of none."""
    document = Document(20)
    document.add_tracks([[0, k, k] for k in range(3)], group="face")
    document.add_tracks([[0, k, k] for k in range(2)], group="hand")
    document.add_tracks([[0, 1, 1]])
    return document


def edges(document, name):
    return next(info.edges for info in document.groups if info.name == name)


def test_groups_are_those_of_the_tracks_and_those_described(document):
    document.set_group_colour("tool", (1, 2, 3))
    assert list(document.groups) == [
        GroupInfo("face", colour_for(0)),
        GroupInfo("hand", colour_for(3)),
        GroupInfo("tool", (1, 2, 3)),
    ]


def test_a_colour_goes_to_all_tracks_of_a_group(document):
    changes: list[Change] = []
    document.changed.subscribe(changes.append)
    before = snapshot(document)
    document.set_group_colour("face", (1, 2, 3), initiator="list")
    assert [tuple(c) for c in document.table.colours[:4]] == [(1, 2, 3)] * 3 + [colour_for(3)]
    assert {c.kind: c.ids for c in changes} == {"groups": None, "tracks": (0, 1, 2)}
    document.set_group_colour("face", (1, 2, 3))
    assert document.history_steps()[3:] == ["Colour group face"]
    document.undo()
    assert snapshot(document) == before


def test_edges_show_while_both_ends_belong(document):
    document.set_skeleton("face", [(0, 1), (1, 2), (2, 1), [2, 0]])
    assert edges(document, "face") == ((0, 1), (1, 2), (2, 0))
    document.set_group([1], "hand")
    assert edges(document, "face") == ((2, 0),)
    document.undo()
    document.delete_tracks([0])
    assert edges(document, "face") == ((1, 2),)
    document.undo()
    assert edges(document, "face") == ((0, 1), (1, 2), (2, 0))
    assert document.history_steps()[3] == "Skeleton of face"


@pytest.mark.parametrize("pairs", [[(0, 3)], [(0, 99)], [(0, 0)], [(0, 1, 2)], [(0,)]])
def test_edges_join_two_tracks_of_the_group(document, pairs):
    with pytest.raises(ValueError, match=r"edge joins two different tracks|is not in the group"):
        document.set_skeleton("face", pairs)
    with pytest.raises(ValueError, match="a group has a name"):
        document.set_skeleton("", [])


def test_a_group_is_renamed_with_everything(document):
    document.set_skeleton("face", [(0, 1)])
    document.rename_group("face", "head")
    assert [info.name for info in document.groups] == ["hand", "head"]
    assert edges(document, "head") == ((0, 1),)
    document.rename_group("hand", "head")  # both become one
    assert list(document.groups) == [GroupInfo("head", colour_for(0), ((0, 1),))]
    document.undo()
    document.set_skeleton("hand", [(3, 4)])
    document.rename_group("hand", "head")
    assert edges(document, "head") == ((0, 1), (3, 4))
    document.rename_group("head", "head")
    document.rename_group("nobody", "head")
    assert document.history_steps()[-1] == "Rename group hand"
    with pytest.raises(ValueError, match="a group has a name"):
        document.rename_group("head", "")


def test_groups_are_in_the_file(tmp_path):
    document = Document.new(video_ref())
    document.add_tracks([[0, 1, 1], [0, 2, 2]], group="fäce")
    document.set_skeleton("fäce", [(0, 1)])
    document.set_group_colour("fäce", (1, 2, 3))
    document.set_group_colour("gone", (1, 2, 3))
    document.rename_group("gone", "here")
    state = snapshot(document)
    document.save_as(tmp_path / "p.trackwright")
    document.close()
    document = Document.open(tmp_path / "p.trackwright")
    assert snapshot(document) == state
    assert list(document.groups) == [GroupInfo("fäce", (1, 2, 3), ((0, 1),)), GroupInfo("here", (1, 2, 3))]
    back, forth = walk_back_and_forth(document)
    assert back == forth
    document.close()
