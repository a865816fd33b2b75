import math
from pathlib import Path

from annotator import messages
from annotator.core.colours import prediction_colour
from annotator.core.predictions import compare
from annotator.core.training import State, TrainingModel, duration
from annotator.settings import Settings
from converters.colours import class_colour, text_on
from converters.model import Box


def test_training_from_start_to_end():
    model = TrainingModel()
    model.begin()
    assert model.is_busy
    model.take({"event": "run", "path": "/x/run"})
    model.take({"event": "loaded", "max_batches": 10})
    for i in range(1, 5):
        model.take({"event": "iteration", "iteration": i, "loss": 4.0 / i, "avg_loss": 5.0, "seconds": 2.0})
    assert model.state is State.RUNNING and model.seconds_left() == 12
    model.take({"event": "saved", "iteration": 4})
    assert (model.iteration, model.max_batches, model.saved) == (4, 10, 4)
    model.take({"event": "iteration", "iteration": 5, "loss": "nan", "avg_loss": None})
    assert math.isnan(model.losses[-1]) and math.isnan(model.averages[-1])
    model.take({"event": "unheard of"})
    model.take({"event": "finished", "status": "stopped", "message": "stopped at 5"})
    assert model.state is State.STOPPED and not model.is_busy and model.message == "stopped at 5"
    model.begin()
    assert model.iterations == [] and model.run is None


def test_a_command_that_ends_without_a_word_has_failed():
    model = TrainingModel()
    model.begin()
    model.ended_without_word("no Darknet was found.")
    assert model.state is State.FAILED and model.message == "no Darknet was found."
    model.take({"event": "finished", "status": "finished", "message": "ok"})
    model.ended_without_word("later")
    assert model.message == "ok"


def test_durations():
    assert [duration(s) for s in (45, 100, 3600, 12_000)] == ["45 s", "2 min", "60 min", "3 h 20 min"]


TRUTH = (Box((0, 0, 10, 10), "a"), Box((20, 0, 30, 10), "b"))


def guess(xyxy, label, confidence):
    return Box(xyxy, label, confidence)


def test_compare_takes_the_most_confident_first_and_each_truth_once():
    guesses = (
        guess((0, 0, 10, 9), "a", 0.6),
        guess((0, 0, 10, 10), "a", 0.9),
        guess((20, 0, 30, 10), "a", 0.8),
        guess((20, 0, 30, 10), "b", 0.1),
    )
    found = compare(TRUTH, guesses, 0.25)
    assert [box.confidence for box in found.shown] == [0.9, 0.8, 0.6]
    assert found.correct == (True, False, False)
    assert found.missed == {1} and found.mistakes == 3
    assert (found.true_positives, found.false_positives) == (1, 2)
    assert compare(TRUTH, guesses, 0.05).missed == frozenset()


def test_compare_wants_more_than_half():
    half = guess((0, 0, 10, 5), "a", 0.9)
    assert compare(TRUTH, (half,), 0.1).correct == (False,)
    assert compare((), (half,), 0.1).false_positives == 1
    assert compare(TRUTH, (), 0.1).missed == {0, 1}


def test_captions_can_be_read_on_every_colour():
    names = tuple(f"class{i}" for i in range(12))

    def luminance(colour):
        linear = [v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for name in (*names, "no class"):
        for colour in (class_colour(names, name), prediction_colour(names, name)):
            high, low = sorted((luminance(colour), luminance(text_on(colour))), reverse=True)
            assert (high + 0.05) / (low + 0.05) > 4.5


def test_settings_survive_a_restart_and_a_broken_file(tmp_path: Path):
    path = tmp_path / "deep" / "settings.json"
    settings = Settings(path)
    settings.add_recent(tmp_path)
    settings.set_work_of(tmp_path, tmp_path)
    assert Settings(path).recent == [tmp_path] and Settings(path).work_of(tmp_path) == tmp_path
    path.write_text("{broken")
    assert Settings(path).recent == []


def test_messages_reach_listeners_until_they_stop():
    heard = []
    stop = messages.listen(heard.append)
    messages.error("bad", "more")
    stop()
    messages.info("unheard")
    assert [m.text for m in heard] == ["bad"] and messages.history[-1].text == "unheard"
