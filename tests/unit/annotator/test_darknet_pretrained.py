from __future__ import annotations

import hashlib
import json
import socket
import ssl
import struct
import threading
import urllib.error
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from annotator.darknet.cli import main
from annotator.darknet.commands.weights import find_weights
from annotator.darknet.network.presets import NETWORKS
from annotator.darknet.network.pretrained import Pretrained, download, known_weights
from converters.errors import DataError, FormatError

CONTENT = struct.pack("<iiiQ", 0, 2, 5, 0) + bytes(range(256)) * 1000


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        begin = 0
        server.asked.append(self.headers.get("Range"))
        if self.path[1:].isdecimal():
            self.send_error(int(self.path[1:]))
            return
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/page")
            self.end_headers()
            return
        same = self.headers.get("If-Range") in (None, server.tag)
        if server.ranges and same and (wanted := self.headers.get("Range")):
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
        body = CONTENT[begin:]
        self.send_response(206 if begin else 200)
        if server.length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.tag)
        if self.path == "/page":
            self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body[: server.cut] if server.cut else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.cut, server.ranges, server.length, server.tag = [], 0, True, True, '"one"'
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def entry(server, path="file", **more):
    more = {"bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()} | more
    return Pretrained("some.weights", f"http://127.0.0.1:{server.server_port}/{path}", ("yolov4",), **more)


def test_fetches_once_and_tells_how_far_it_is(server, tmp_path):
    told = []
    path = download(entry(server), tmp_path / "new", lambda done, total: told.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT)) and told == sorted(told)
    assert download(entry(server), tmp_path / "new") == path
    assert len(server.asked) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_goes_on_where_it_was_cut_off(server, tmp_path, ranges):
    server.cut, server.ranges = 100_000, ranges
    with pytest.raises(DataError, match=r"connection was lost.*goes on where it stopped"):
        download(entry(server), tmp_path)
    assert not (tmp_path / "some.weights").exists()
    assert (tmp_path / "some.weights.part").stat().st_size == 100_000
    server.cut = 0
    assert download(entry(server), tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["some.weights"]


def test_cancelling_keeps_what_has_come(server, tmp_path):
    class StopError(Exception):
        pass

    def stop(done, total):
        raise StopError

    with pytest.raises(StopError):
        download(entry(server), tmp_path, stop)
    assert (tmp_path / "some.weights.part").stat().st_size > 0
    assert download(entry(server), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("wrong", [{"bytes": 5}, {"sha256": "0" * 64}])
def test_something_else_is_not_kept(server, tmp_path, wrong):
    with pytest.raises(DataError, match=r"is not some\.weights"):
        download(entry(server, **wrong), tmp_path)
    assert list(tmp_path.glob("[!.]*")) == []


def test_what_the_server_says_is_said(server, tmp_path):
    with pytest.raises(DataError, match="answers 404"):
        download(entry(server, "404"), tmp_path)
    gone = Pretrained("some.weights", "http://127.0.0.1:9/x", ("yolov4",))
    with pytest.raises(DataError, match="cannot be reached"):
        download(gone, tmp_path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("403", r"answers 403.*in a browser, and choose the file"),
        ("404", r"answers 404.*your own pretrained\.json"),
        ("429", r"answers 429.*wait some minutes"),
        ("500", r"answers 500.*Try again later"),
        ("page", r"sends a web page instead of the file"),
        ("elsewhere", r"sends a web page instead of the file"),
    ],
)
def test_each_answer_says_what_to_do(server, tmp_path, path, said):
    (tmp_path / "some.weights.part").write_bytes(CONTENT[:1000])
    with pytest.raises(DataError, match=said):
        download(entry(server, path), tmp_path)
    assert (tmp_path / "some.weights.part").stat().st_size == 1000, "what has come is kept"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (ssl.SSLCertVerificationError("self-signed certificate"), "SSL_CERT_FILE"),
        (socket.gaierror(-3, "Temporary failure in name resolution"), "https_proxy"),
        (TimeoutError("timed out"), "Try again later"),
    ],
)
def test_a_network_that_is_not_there(tmp_path, monkeypatch, reason, said):
    def fail(*_, **__):
        raise urllib.error.URLError(reason)

    monkeypatch.setattr("urllib.request.OpenerDirector.open", fail)
    with pytest.raises(DataError, match=said):
        download(Pretrained("some.weights", "https://weights.test/x", ("yolov4",)), tmp_path)


def test_a_file_that_was_changed_meanwhile_is_fetched_anew(server, tmp_path):
    server.cut = 100_000
    with pytest.raises(DataError, match="connection was lost"):
        download(entry(server), tmp_path)
    (tmp_path / "some.weights.part").write_bytes(b"x" * 100_000)  # of the version before
    server.cut, server.tag = 0, '"two"'
    assert download(entry(server), tmp_path).read_bytes() == CONTENT


def test_a_server_that_does_not_say_how_long_it_is(server, tmp_path):
    server.length = False
    told = []
    unknown = entry(server, bytes=None, sha256=None)
    path = download(unknown, tmp_path, lambda done, total: told.append(total))
    assert path.read_bytes() == CONTENT and set(told) == {0}


def test_what_is_no_weights_file_is_not_kept(server, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "CONTENT", b"<!DOCTYPE html><p>Sign in to go on")
    with pytest.raises(DataError, match="is a web page"):
        download(entry(server, bytes=None, sha256=None), tmp_path)


def test_two_do_not_write_into_one_file(server, tmp_path):
    def second(done, total):
        with pytest.raises(DataError, match="is being fetched already"):
            download(entry(server), tmp_path)

    download(entry(server), tmp_path, second)


def test_a_proxy_is_asked(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    through = Pretrained("some.weights", "http://weights.test/file", ("yolov4",), len(CONTENT))
    assert download(through, tmp_path).read_bytes() == CONTENT


def test_a_disk_that_is_full(server, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DataError, match="are free"):
        download(entry(server), tmp_path)


def test_the_table_has_the_published_lengths():
    table = known_weights()
    lengths = {name: entry.bytes for name, entry in table.items()}
    assert lengths["yolov4.conv.137"] == 170_038_676
    assert lengths["yolov4-tiny.conv.29"] == 19_789_716
    assert lengths["darknet53.conv.74"] == 162_482_580
    assert lengths["yolov4.weights"] == 257_717_640
    for item in table.values():
        assert set(item.networks) <= set(NETWORKS)


def test_the_command_lists_and_fetches(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    own = tmp_path / "config" / "mask-annotator" / "pretrained.json"
    own.parent.mkdir(parents=True)
    url = f"http://127.0.0.1:{server.server_port}/file"
    row = {"name": "mine.weights", "url": url, "networks": ["yolov3-tiny"], "bytes": len(CONTENT)}
    own.write_text(json.dumps([row]))
    assert main(["weights", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mine.weights"]["path"] is None and "yolov4.conv.137" in rows
    assert main(["weights", "mine.weights"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "data" / "mask-annotator" / "weights" / "mine.weights"
    assert path.read_bytes() == CONTENT
    assert main(["weights", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mine.weights"]["path"] == str(path)
    assert main(["weights", "other.weights"]) == 2
    assert "mine.weights" in capsys.readouterr().err
    assert find_weights(Path("mine.weights")) == path
    assert find_weights(tmp_path / "else.weights") == tmp_path / "else.weights"
    assert len(server.asked) == 1


def test_a_table_of_ones_own_adds_and_replaces(tmp_path):
    own = tmp_path / "pretrained.json"
    assert known_weights(own) == known_weights()
    row = {"name": "yolov4.conv.137", "url": "http://mirror.test/v4", "networks": ["yolov4"], "bytes": 7}
    own.write_text(json.dumps([row]))
    changed = known_weights(own)["yolov4.conv.137"]
    assert (changed.url, changed.bytes) == ("http://mirror.test/v4", 7)
    for text in ("{", "[1]", '[{"name": "x"}]', '[{"name": "../x", "url": "http://a/b", "networks": []}]'):
        own.write_text(text)
        with pytest.raises(FormatError, match="table of weights"):
            known_weights(own)
