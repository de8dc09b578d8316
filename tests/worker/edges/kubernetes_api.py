"""A Kubernetes API of the tests' own: TLS, a token that counts, and answers as a test wants them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from worker.simulator.certificates import Certificates

TOKEN = "eyJhbGciOiJSUzI1NiJ9.secret.token"


def stateful_set(replicas: Any, **spec: Any) -> bytes:
    return json.dumps({"kind": "StatefulSet", "spec": {"replicas": replicas, **spec}}).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.api.answer(self)

    def log_message(self, *_: object) -> None: ...


class Server(ThreadingHTTPServer):
    api: "Api"

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that hang up are what is tested."""


class Api:
    """Answers as it is told to whoever has the token, over TLS; keeps the requests."""

    def __init__(self) -> None:
        self.certificates = Certificates("127.0.0.1")
        self.status, self.body = 200, stateful_set(3)
        self.silent = False
        self.drip_seconds = 0.0
        self.asked: list[tuple[str, str | None]] = []
        self._over = threading.Event()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.api = self
        self._server.socket = self.certificates.server_context().wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._server.server_address[1]
        return port

    def answer(self, handler: Handler) -> None:
        authorization = handler.headers["Authorization"]
        self.asked.append((handler.path, authorization))
        if self.silent:
            self._over.wait()
            return
        status, body = (self.status, self.body) if authorization == f"Bearer {TOKEN}" else (401, b"{}")
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Location", f"https://127.0.0.1:{self.port}/elsewhere")
        handler.end_headers()
        step = 1 if self.drip_seconds else len(body) or 1
        for at in range(0, len(body), step):
            if self._over.wait(self.drip_seconds):
                return
            handler.wfile.write(body[at : at + step])

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
