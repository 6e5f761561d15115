#!/usr/bin/python3
"""Serves one file over HTTPS as an identity provider serves its keys, and counts how often it was asked for.

    jwks_server.py CERTIFICATE KEY FILE PORT-FILE COUNT-FILE
"""
import http.server
import ssl
import sys

certificate, key, served, port_file, count_file = sys.argv[1:]
count = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global count
        count += 1
        with open(count_file, "w") as out:
            out.write(str(count))
        with open(served, "rb") as file:
            body = file.read()
        self.send_response(200 if self.path == "/keys?all=1" else 404)
        self.send_header("Content-Type", "application/jwk-set+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
with open(port_file, "w") as out:
    out.write(str(server.server_address[1]))
server.serve_forever()
