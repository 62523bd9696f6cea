"""A process that answers /healthz on the port it is given.

`--mute` never listens, `--deaf` ignores SIGTERM, `--dies` ends at once, `--finishes` says that it did what was
left when it is to end.
"""

import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")


def finish(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not interrupt the end
    time.sleep(0.5)
    sys.exit("all is done")


if __name__ == "__main__":
    if "--dies" in sys.argv:
        sys.exit("there is no such thing as luck")
    if "--mute" in sys.argv:
        signal.pause()
    if "--deaf" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "--finishes" in sys.argv:
        signal.signal(signal.SIGTERM, finish)
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
