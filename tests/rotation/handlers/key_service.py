"""An HTTP API with keys, for tests: knows the last two keys that it was given.

    key_service.py FIRST_KEY PORT_FILE    listens on a port of the kernel's choice, and writes it into PORT_FILE

GET /whoami: 200 with a valid key, else 401. POST /keys {"key": ...}: with a valid key, another one is valid from now on.
"""
import http.server
import json
import os
import sys

keys = [sys.argv[1]]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, code):
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def is_known(self):
        return self.headers.get("Authorization", "").removeprefix("Bearer ") in keys

    def do_GET(self):
        self.answer(200 if self.is_known() and self.path == "/whoami" else 401)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.is_known():
            self.answer(401)
            return
        keys.append(json.loads(body)["key"])
        del keys[:-2]
        self.answer(200)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[2] + ".new", "w", encoding="ascii") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
