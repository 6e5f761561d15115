"""A TCP proxy that loses connections as it is told: losing_proxy.py PORT TARGET_PORT MODE_FILE.

MODE_FILE is empty, or has "N BYTES": counted from the last change of the file, the Nth connection passes on so many bytes
of the server's, and is closed on the client's side then. What the client has said reaches the server in any case. With
"N+ BYTES" it is the Nth and all that come after it.
"""

import os
import socket
import sys
import threading

port, target, mode_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
lock = threading.Lock()
seen = {"mode": None, "connections": 0}


def limit_of_this_connection():
    with lock:
        with open(mode_file, encoding="ascii") as file:
            mode = (file.read(), os.stat(mode_file).st_mtime_ns)
        if mode != seen["mode"]:
            seen["mode"], seen["connections"] = mode, 0
        seen["connections"] += 1
        words = mode[0].split()
        if not words:
            return None
        first = int(words[0].rstrip("+"))
        is_lost = seen["connections"] == first or (words[0].endswith("+") and seen["connections"] > first)
        return int(words[1]) if is_lost else None


def to_server(client, server):
    try:
        while data := client.recv(65536):
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def to_client(client, server, limit):
    try:
        while data := server.recv(65536):
            if limit is not None:
                data = data[:limit]
                limit -= len(data)
            client.sendall(data)
            if limit == 0:
                break
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def serve(client):
    limit = limit_of_this_connection()
    try:
        server = socket.create_connection(("127.0.0.1", target))
    except OSError:
        client.close()
        return
    up = threading.Thread(target=to_server, args=(client, server), daemon=True)
    up.start()
    if limit == 0:
        client.shutdown(socket.SHUT_RDWR)
    else:
        to_client(client, server, limit)
    up.join()
    client.close()
    server.close()


with socket.create_server(("127.0.0.1", port)) as listener:
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=serve, args=(accepted,), daemon=True).start()
