"""A local endpoint for webhooks. Checks signatures with the public library of Standard Webhooks."""

from __future__ import annotations

import http.server
import queue
import threading
from types import TracebackType

from standardwebhooks import Webhook

# A delivery is sent within a second of its event; the rest is for a slow machine.
TIMEOUT_SECONDS = 60


class Receiver:
    """Accepts every delivery with 204 and keeps it."""

    def __enter__(self) -> Receiver:
        deliveries: queue.Queue[tuple[dict[str, str], str]] = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                deliveries.put((dict(self.headers), body.decode()))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._deliveries = deliveries
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()

    def verified_delivery_about(self, text: str, secret: str) -> str:
        """Waits for a delivery whose body contains `text`, verifies its signature and returns its id."""
        while True:
            headers, body = self._deliveries.get(timeout=TIMEOUT_SECONDS)
            if text in body:
                Webhook(secret).verify(body, headers)
                return headers["webhook-id"]
