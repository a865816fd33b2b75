from annotator.core.mistake_listing import MistakeFilter, SortBy, mended, of_class, sorted_mistakes
from annotator.darknet.evaluation.confusion import Kind, Mistake
from converters.model import Box

MISSED = Mistake(Kind.MISSED, 0, 0, None, 0.1, 0.6, "mask", "")
WRONG = Mistake(Kind.WRONG_CLASS, 2, 1, 0, 0.9, 0.8, "mask", "no_mask")
TWICE = Mistake(Kind.TWICE, 1, 1, 3, 0.5, 0.7, "mask", "mask")
NOTHING = Mistake(Kind.BACKGROUND, 1, None, 2, 0.7, 0.0, "", "mask")
ALL = (MISSED, WRONG, TWICE, NOTHING)


def test_cells_of_the_confusion_are_filters():
    def shown(**how):
        return [one for one in ALL if MistakeFilter(**how).accepts(one)]

    assert shown() == list(ALL)
    assert shown(kinds=frozenset({Kind.TWICE})) == [TWICE]
    assert shown(true_label="mask", label="no_mask") == [WRONG]
    assert shown(true_label="mask", label="") == [MISSED]
    assert shown(true_label="", label="mask") == [TWICE, NOTHING]
    assert shown(label="mask") == [TWICE, NOTHING]
    assert [one for one in ALL if of_class(one, "no_mask")] == [WRONG]


def test_orders():
    assert sorted_mistakes(ALL, SortBy.CONFIDENCE) == [WRONG, NOTHING, TWICE, MISSED]
    assert sorted_mistakes(ALL, SortBy.DOUBT) == [MISSED, TWICE, NOTHING, WRONG]
    assert sorted_mistakes(ALL, SortBy.KIND)[0] is MISSED
    assert sorted_mistakes(ALL, SortBy.PICTURE) == [MISSED, TWICE, NOTHING, WRONG]


def test_labels_follow_the_network():
    one, two = Box((0, 0, 10, 10), "mask", origin=0), Box((20, 0, 40, 20), "mask", origin=1)
    boxes = (one, two)
    # The data set of the run has rounded edges.
    truth = Box((20, 0.2, 40.1, 20), "mask")
    seen = Box((22, 1, 41, 20), "no_mask", 0.9)
    assert mended(Kind.MISSED, boxes, truth, None) == (one,)
    assert mended(Kind.WRONG_CLASS, boxes, truth, seen) == (one, two.relabelled("no_mask"))
    assert mended(Kind.LOOSE, boxes, truth, seen) == (one, two.moved_to((22, 1, 41, 20)))
    added = mended(Kind.BACKGROUND, boxes, None, seen)
    assert added == (one, two, Box((22, 1, 41, 20), "no_mask")) and added[2].confidence is None
    assert mended(Kind.TWICE, boxes, truth, seen) is None
    # Whoever changed the label meanwhile is not overruled.
    assert mended(Kind.MISSED, (one,), truth, None) is None
    assert mended(Kind.MISSED, (one, two.relabelled("no_mask")), truth, None) is None
    assert mended(Kind.BACKGROUND, (), None, None) is None
