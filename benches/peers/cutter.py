"""Stands between a client and its server and cuts every connection each few seconds; told to end
(SIGTERM), it prints what it carried to the client and how much of that it had carried before.

Usage: cutter.py PORT SERVER:PORT SECONDS SEED

Only bodies are counted, byte for byte of each file: what was cut off on the way here was never received.
HTTP/1.1 without TLS, bodies with Content-Length. Every other cut is a reset; the others are plain ends.
"""

import json
import random
import re
import signal
import socket
import struct
import sys
import threading
import time

RESET = struct.pack("ii", 1, 0)


class Carried:
    """Which bytes of which file went to the client."""

    def __init__(self):
        self.lock = threading.Lock()
        self.ranges = {}
        self.bytes = self.answers = self.connections = self.cuts = 0

    def body(self, name, begin, end):
        if name is None:
            return
        with self.lock:
            self.bytes += end - begin
            self.ranges.setdefault(name, []).append((begin, end))

    def needed(self):
        """Each byte of a file once."""
        total = 0
        for ranges in self.ranges.values():
            far = 0
            for begin, end in sorted(ranges):
                total += max(0, end - max(begin, far))
                far = max(far, end)
        return total


class Answers:
    """Follows the bytes from the server: heads, and the bodies behind them."""

    def __init__(self, carried, names):
        self.carried, self.names = carried, names
        self.head, self.left, self.at, self.name = b"", 0, 0, None

    def take(self, data):
        while data:
            if self.left:
                piece = data[: self.left]
                data = data[len(piece):]
                self.carried.body(self.name, self.at, self.at + len(piece))
                self.at += len(piece)
                self.left -= len(piece)
                continue
            self.head += data
            head, end, data = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.begin(head)
            self.head = b""

    def begin(self, head):
        self.name = self.names.pop(0)
        self.carried.answers += 1
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        status = head.split(b" ")[1]
        # What is said instead of a file is no part of one.
        if status not in (b"200", b"206"):
            self.name = None
        begin = re.search(rb"(?i)\r\ncontent-range: *bytes (\d+)-", head)
        self.left = int(length[1]) if length and status != b"304" else 0
        self.at = int(begin[1]) if begin and status == b"206" else 0


class Connection:
    def __init__(self, client, server, carried):
        self.client, self.carried = client, carried
        self.names, self.lock = [], threading.Lock()
        self.server = socket.create_connection(server, timeout=10)
        self.server.settimeout(None)
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self.asks, daemon=True).start()
        threading.Thread(target=self.answers, daemon=True).start()

    def asks(self):
        head = b""
        for data in self.pieces(self.client):
            head += data
            *whole, head = head.split(b"\r\n\r\n")
            self.names += [one.split(b" ")[1].decode() for one in whole]
            try:
                self.server.sendall(data)
            except OSError:
                break
        self.close(False)

    def answers(self):
        answers = Answers(self.carried, self.names)
        for data in self.pieces(self.server):
            try:
                self.client.sendall(data)
            except OSError:
                break
            answers.take(data)
        self.close(False)

    def pieces(self, end):
        while True:
            try:
                data = end.recv(1 << 16)
            except OSError:
                return
            if not data:
                return
            yield data

    def close(self, hard):
        with self.lock:
            for end in (self.client, self.server):
                try:
                    if hard:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        # Who waits for bytes holds the socket open, and only its last owner resets it.
                        end.shutdown(socket.SHUT_RD)
                        end.close()
                    else:
                        end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def main():
    port, server, seconds, seed = int(sys.argv[1]), sys.argv[2].split(":"), float(sys.argv[3]), int(sys.argv[4])
    server = (server[0], int(server[1]))
    carried, open_ones, chance = Carried(), [], random.Random(seed)

    def ended(*_):
        needed = carried.needed()
        told = dict(needed=needed, carried=carried.bytes, twice=carried.bytes - needed, answers=carried.answers,
                    connections=carried.connections, cuts=carried.cuts)
        print(json.dumps(told), flush=True)
        signal.raise_signal(signal.SIGKILL)

    signal.signal(signal.SIGTERM, ended)

    def cut():
        while True:
            time.sleep(seconds)
            while open_ones:
                open_ones.pop().close(chance.random() < 0.5)
                carried.cuts += 1

    if seconds:
        threading.Thread(target=cut, daemon=True).start()
    listener = socket.create_server(("127.0.0.1", port))
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()

        def serve(client=client):
            carried.connections += 1
            try:
                open_ones.append(Connection(client, server, carried))
            except OSError:
                client.close()

        threading.Thread(target=serve, daemon=True).start()


main()
