"""A process that answers /healthz on the port it is given; `--deaf` ignores SIGTERM, `--dies` ends at once."""

import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")


if __name__ == "__main__":
    if "--dies" in sys.argv:
        sys.exit("there is no such thing as luck")
    if "--deaf" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
