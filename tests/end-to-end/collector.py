#!/usr/bin/python3
"""Takes audit events as an HTTPS sink, and keeps them in FOLDER/events, a line each.

    collector.py CERTIFICATE KEY FOLDER

FOLDER/port is the port, FOLDER/connections has a line for each connection. When FOLDER/mode says "endless", a request is
answered with a chunk's line that has no end, and its events are not kept; FOLDER/endless has a line for each such answer.
"""
import http.server
import pathlib
import ssl
import sys
import threading

folder = pathlib.Path(sys.argv[3])
lock = threading.Lock()


def note(name, text):
    with lock, open(folder / name, "a") as out:
        out.write(text)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        note("connections", "1\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if (folder / "mode").exists() and (folder / "mode").read_text() == "endless":
            note("endless", "1\n")
            self.close_connection = True
            try:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
                while True:
                    self.wfile.write(b"e" * 16000)
            except OSError:  # the client has gone
                return
        right = self.path == "/v1/audit" and self.headers["Content-Type"] == "application/x-ndjson"
        if right:
            note("events", body)
        self.send_response(200 if right else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
(folder / "port.new").write_text(str(server.server_port))
(folder / "port.new").rename(folder / "port")
server.serve_forever()
