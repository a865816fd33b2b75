"""Videos: read, looked at, written, broken."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import evaluation_samples as samples
import numpy as np
import pytest

from annotator.darknet import cli
from annotator.darknet.prediction.engines import OpenCvEngine
from annotator.darknet.prediction.predictor import open_run_predictor
from annotator.darknet.prediction.video import FrameSource, VideoFile, Watched, is_video, watch
from annotator.darknet.run.folder import RunFolder
from converters.errors import DataError, FormatError, UsageError, WriteError


def big(cells: str) -> np.ndarray:
    """A cell picture four times as large: encoders need some pixels."""
    return np.repeat(np.repeat(samples.picture(cells), 4, axis=0), 4, axis=1)


def make_video(path: Path, cells: list[str]) -> Path:
    video = VideoFile(path, (128, 128), 10)
    for each in cells:
        video.write(big(each))
    video.finish()
    return path


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = samples.make_run(tmp_path / "work")
    samples.add_weights(made, "net_200.weights", 200)
    return made


def looker(run: RunFolder) -> OpenCvEngine:
    return OpenCvEngine(open_run_predictor(run, threshold=0.25))


CELLS = ["r...............", "....g...........", "................", "r....g.........."]


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".avi"])
def test_every_frame_is_looked_at_and_drawn(tmp_path: Path, run: RunFolder, suffix: str) -> None:
    path = make_video(tmp_path / f"film{suffix}", CELLS)
    assert is_video(path) and not is_video(Path("a.png"))
    seen: list[list[str]] = []
    target = tmp_path / f"seen{suffix}"
    with FrameSource(path) as source:
        assert (source.size, source.count, round(source.fps)) == ((128, 128), 4, 10)
        done = watch(
            looker(run),
            source,
            target=target,
            colours={"mask": (255, 255, 0)},
            on_frame=lambda number, frame, boxes: seen.append([box.label for box in boxes]),
        )
    assert (done.frames, done.problem) == (4, "")
    assert seen == [["mask"], ["no_mask"], [], ["mask", "no_mask"]] or seen[3] == ["no_mask", "mask"]
    with FrameSource(target) as written:
        assert written.count == 4 and written.size == (128, 128)
    assert not list(tmp_path.glob(".*part*"))


def test_it_ends_where_it_is_told_to(tmp_path: Path, run: RunFolder) -> None:
    with FrameSource(make_video(tmp_path / "film.avi", CELLS)) as source:
        assert watch(looker(run), source, most=2).frames == 2


def test_a_cut_video_is_a_sentence(tmp_path: Path, run: RunFolder) -> None:
    path = make_video(tmp_path / "film.avi", CELLS * 20)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with FrameSource(path) as source:
        source.count = 80  # the index at its end is gone
        done = watch(looker(run), source)
    assert 0 < done.frames < 80
    assert "breaks off" in done.problem


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such video"):
        FrameSource(tmp_path / "missing.mp4")
    for content in (b"", b"not a video", bytes(5000)):
        path = tmp_path / "wrong.mp4"
        path.write_bytes(content)
        with pytest.raises(FormatError, match="no video that can be read"):
            FrameSource(path)
    with pytest.raises(DataError, match="camera 97 gives no picture"):
        FrameSource(97)


def test_a_video_that_cannot_be_written_leaves_nothing(tmp_path: Path, run: RunFolder) -> None:
    with pytest.raises(UsageError, match=r"\.mp4, \.webm, \.avi"):
        VideoFile(tmp_path / "film.gif", (64, 64), 10)
    with pytest.raises(WriteError):
        VideoFile(tmp_path / "nowhere" / "film.mp4", (64, 64), 10)

    def cancel(number: int, frame: object, boxes: object) -> None:
        if number == 2:
            raise KeyboardInterrupt

    target = tmp_path / "seen.avi"
    with FrameSource(make_video(tmp_path / "film.avi", CELLS)) as source, pytest.raises(KeyboardInterrupt):
        watch(looker(run), source, target=target, on_frame=cancel)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.avi", "work"]


def test_frames_come_as_rgb(tmp_path: Path) -> None:
    with FrameSource(make_video(tmp_path / "film.avi", ["rrrrrrrrrrrrrrrr"])) as source:
        frame = source.read()
        assert frame is not None
        assert frame[64, 64, 0] > 200 > 60 > frame[64, 64, 2]
        assert source.read() is None
    assert cv2.utils.logging.getLogLevel() >= 0


def test_the_command_looks_at_videos_and_writes_other_formats(
    tmp_path: Path, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    film = make_video(tmp_path / "film.avi", CELLS)
    out = tmp_path / "out"
    arguments = ["predict", str(run.path), str(film), "--out", str(out), "--also", "coco", "--also", "yolo"]
    assert cli.main(arguments) == 0
    shown, said = capsys.readouterr()
    assert shown.splitlines()[:3] == [
        "film.avi#000001\t1 mask",
        "film.avi#000002\t1 no_mask",
        "film.avi#000003\tnothing",
    ]
    assert "4 frames with" in said
    with FrameSource(out / "film.mp4") as written:
        assert written.count == 4
    coco = json.loads((out / "predictions-coco.json").read_text())
    assert coco["images"][0]["file_name"] == "film.avi#000001"
    assert len(coco["annotations"]) == 4 and 0 < coco["annotations"][0]["score"] <= 1
    assert {one["category_id"] for one in coco["annotations"]} == {1, 2}
    first = (out / "yolo/film-000001.txt").read_text().split()
    assert first[0] == "0" and [float(value) for value in first[1:5]] == pytest.approx(
        [0.125, 0.125, 0.25, 0.25], abs=0.02
    )
    assert (out / "yolo/obj.names").read_text() == "mask\nno_mask\n"
    assert cli.main([*arguments, "--frames", "2", "--video", "avi"]) == 0
    assert "2 frames" in capsys.readouterr().err


def test_the_command_says_what_is_wrong_with_a_video(
    tmp_path: Path, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.mp4").write_text("no video")
    assert (
        cli.main(["predict", str(run.path), str(tmp_path / "wrong.mp4"), "--out", str(tmp_path / "out")]) == 1
    )
    assert "no video that can be read" in capsys.readouterr().err
    assert cli.main(["predict", str(run.path), "--camera", "0", "--out", str(tmp_path / "out")]) == 2
    assert "--frames" in capsys.readouterr().err
    assert cli.main(["predict", str(run.path), "--out", str(tmp_path / "out")]) == 2
    film = make_video(tmp_path / "film.mp4", CELLS)
    assert cli.main(["predict", str(run.path), str(film), "--out", str(tmp_path)]) == 2


def test_one_that_is_stopped_is_a_whole_video_and_replaces_none(tmp_path: Path, run: RunFolder) -> None:
    path = make_video(tmp_path / "film.mp4", CELLS * 3)
    target = tmp_path / "seen.avi"
    seen: list[int] = []

    def look() -> Watched:
        seen.clear()
        with FrameSource(path) as source:
            return watch(
                looker(run),
                source,
                target=target,
                on_frame=lambda number, *_: seen.append(number),
                stop=lambda: len(seen) >= 5,
            )

    done = look()
    assert (done.frames, done.stopped, done.problem, done.target) == (5, True, "", target)
    with FrameSource(target) as written:
        assert written.count == 5
    before = target.read_bytes()
    assert look().target == tmp_path / "seen-part.avi"
    assert target.read_bytes() == before
    assert not list(tmp_path.glob(".*part*"))


def test_a_frame_is_gone_to(tmp_path: Path) -> None:
    path = make_video(tmp_path / "film.avi", CELLS * 3)
    with FrameSource(path) as source:
        whole = []
        while (frame := source.read()) is not None:
            whole.append(frame)
        for number in (7, 0, 11, 3):
            source.seek(number)
            assert np.array_equal(source.read(), whole[number])
            assert source.position == number + 1
        assert source.seconds == pytest.approx(0.3, abs=0.11)
        source.seek(999)
        assert np.array_equal(source.read(), whole[-1]) and source.read() is None


class Stubborn:
    """Stops at a frame, as a Darknet may."""

    title, class_names = "Stubborn", ("mask",)

    def look(self, pictures, *, tick=None, on_lost=None):
        for number, rgb in enumerate(pictures):
            if number == 1:
                on_lost(DataError("stopped."))
            else:
                yield rgb, ()


def test_a_frame_that_is_lost_is_said_and_the_time_goes_on(tmp_path: Path) -> None:
    path = make_video(tmp_path / "film.avi", CELLS)
    with FrameSource(path) as source:
        done = watch(Stubborn(), source, target=tmp_path / "seen.avi")
    assert done.frames == 3 and "1 frame could not be looked at: Stubborn stopped there" in done.problem
    with FrameSource(tmp_path / "seen.avi") as written:
        assert written.count == 4
