#!/usr/bin/python3
"""An HTTPS server that rotates: an OAuth provider whose refresh tokens work once, and an API with keys.

    api_target.py CERTIFICATE KEY FOLDER

Writes its port to FOLDER/port. A refresh token that comes a second time revokes what came of it (RFC 9700, section
4.14.2). Files in FOLDER steer it: `mode` has `hold` (an answer waits until the file `go` is there), `drop` (it is
committed, and the connection closed without an answer), `garbage` (it is committed, and the answer is a page), `busy` (429, nothing done) or `broken` (503, nobody knows).
FOLDER/calls has a line for each call that was carried out: what it was, and the status.
"""
import base64
import http.server
import json
import pathlib
import secrets
import ssl
import sys
import threading
import time
import urllib.parse

folder = pathlib.Path(sys.argv[3])
lock = threading.Lock()
live_refresh_tokens = {"refresh-1"}
spent_refresh_tokens = set()
access_tokens = set()
keys = {"key-1": "first-key"}  # by id
CLIENT = ("coffer client", "s3cret:/+ &")
ADMIN = "adm1n-token"


def mode():
    try:
        return (folder / "mode").read_text().strip()
    except FileNotFoundError:
        return ""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def form(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        return {name: values[0] for name, values in urllib.parse.parse_qs(text, keep_blank_values=True).items()}

    def client(self):
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind != "Basic":
            return None
        name, _, password = base64.b64decode(value).decode().partition(":")
        return urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(password)

    def answer(self, what, status, body):
        with lock, open(folder / "calls", "a") as calls:
            calls.write(f"{what} {status}\n")
        if mode() == "drop":
            self.close_connection = True
            self.connection.close()
            return
        while mode() == "hold" and not (folder / "go").exists():
            time.sleep(0.05)
        text = b"<html>welcome</html>" if mode() == "garbage" else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refused_by_mode(self):
        status = {"busy": 429, "broken": 503}.get(mode())
        if status:
            self.answer("nothing", status, {})
        return bool(status)

    def token(self):
        form = self.form()
        if self.client() != CLIENT:
            return self.answer("token", 401, {"error": "invalid_client"})
        result = {"access_token": "access-" + secrets.token_hex(8), "token_type": "Bearer", "expires_in": 3600}
        if form.get("grant_type") == "refresh_token":
            with lock:
                given = form.get("refresh_token")
                if given in spent_refresh_tokens:
                    live_refresh_tokens.clear()  # somebody else has it: the whole family goes
                if given not in live_refresh_tokens:
                    given = None
                else:
                    live_refresh_tokens.remove(given)
                    spent_refresh_tokens.add(given)
                    result["refresh_token"] = "refresh-" + secrets.token_hex(8)
                    live_refresh_tokens.add(result["refresh_token"])
            if given is None:
                return self.answer("refresh", 400, {"error": "invalid_grant"})
            access_tokens.add(result["access_token"])
            return self.answer("refresh", 200, result)
        if form.get("grant_type") != "client_credentials" or form.get("scope") != "read write":
            return self.answer("token", 400, {"error": "unsupported_grant_type"})
        access_tokens.add(result["access_token"])
        return self.answer("token", 200, result)

    def bearer(self):
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def do_POST(self):
        if self.path == "/oauth/token":
            if not self.refused_by_mode():
                self.token()
        elif self.path == "/oauth/new":  # somebody who logs in at the provider
            live_refresh_tokens.update({"refresh-by-hand", "refresh-by-hand-2"})
            self.answer("by hand", 200, {})
        elif self.path == "/v1/keys":
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            if self.refused_by_mode():
                return
            if self.bearer() != ADMIN:
                self.answer("create", 403, {})
                return
            made, value = "key-" + secrets.token_hex(4), "value-" + secrets.token_hex(8)
            keys[made] = value
            self.answer("create", 201, {"data": {"id": made, "name": asked["name"], "secret": [value]}})
        else:
            self.answer("unknown", 404, {})

    def do_GET(self):
        if self.path == "/oauth/userinfo":
            self.answer("userinfo", 200 if self.bearer() in access_tokens else 401, {})
        elif self.path == "/v1/me":
            self.answer("me", 200 if self.bearer() in keys.values() else 401, {})
        else:
            self.answer("unknown", 404, {})

    def do_DELETE(self):
        made = urllib.parse.unquote(self.path.removeprefix("/v1/keys/"))
        if self.bearer() != ADMIN:
            self.answer("delete", 403, {})
        else:
            self.answer("delete", 200 if keys.pop(made, None) else 404, {})


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self):
        connection, address = super().get_request()
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address


server = Server(("127.0.0.1", 0), Handler)
(folder / "port.new").write_text(str(server.server_port))
(folder / "port.new").rename(folder / "port")
server.serve_forever()
