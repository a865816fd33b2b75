"""A camera with an address, served on this machine."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import evaluation_samples as samples
import numpy as np


class Camera:
    """An MJPEG camera on this machine: a frame each 10 ms, until it is unplugged."""

    def __init__(self) -> None:
        self.unplugged = threading.Event()
        outer = self
        rgb = np.kron(samples.picture("r....g.........."), np.ones((4, 4, 1), np.uint8))
        jpeg = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                while not outer.unplugged.wait(0.01):
                    try:
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                    except OSError:
                        return

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/video.mjpg"

    def close(self) -> None:
        self.unplugged.set()
        self.server.shutdown()
        self.server.server_close()
