"""Stands between a client and its server and cuts every connection each few seconds; told to end
(SIGTERM), it prints what it carried to the client and how much of that it had carried before.

Usage: cutter.py PORT SERVER:PORT SECONDS SEED [CERTIFICATE KEY]

Only bodies are counted, byte for byte of each file: what was cut off on the way here was never received.
HTTP/1.1 without TLS, bodies with Content-Length. Every other cut is a reset; the others are plain ends.

With a certificate it speaks TLS on both sides, and HTTP/2 where they agree on it (this needs Python's `hpack`).
It reads along, since nobody else can say how much of which file came: bytes pass as they are, and what is cut is
the connection below TLS.
"""

import json
import random
import re
import select
import signal
import socket
import ssl
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


class Streams:
    """Follows the frames of one HTTP/2 connection, both ways: which file each stream is, and what came of it."""

    DATA, HEADERS, CONTINUATION = 0, 1, 9
    END_HEADERS, PADDED, PRIORITY = 0x4, 0x8, 0x20
    PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    def __init__(self, carried):
        import hpack

        self.carried, self.names, self.at = carried, {}, {}
        self.rest = {"asks": b"", "answers": b""}
        self.block = {"asks": b"", "answers": b""}
        self.headers = {side: hpack.Decoder() for side in self.rest}

    def take(self, side, data):
        data = self.rest[side] + data
        if side == "asks" and data.startswith(self.PREFACE[: len(data)]):
            if len(data) < len(self.PREFACE):
                self.rest[side] = data
                return
            data = data[len(self.PREFACE):]
        while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
            length, stream = int.from_bytes(data[:3], "big"), int.from_bytes(data[5:9], "big") & 0x7FFFFFFF
            self.frame(side, data[3], data[4], stream, data[9: 9 + length])
            data = data[9 + length:]
        self.rest[side] = data

    def frame(self, side, kind, flags, stream, body):
        if kind in (self.DATA, self.HEADERS) and flags & self.PADDED:
            body = body[1: len(body) - body[0]]
        if kind == self.HEADERS and flags & self.PRIORITY:
            body = body[5:]
        if kind in (self.HEADERS, self.CONTINUATION):
            self.block[side] += body
            if flags & self.END_HEADERS:
                said = dict(self.headers[side].decode(self.block[side]))
                self.block[side] = b""
                (self.asked if side == "asks" else self.answered)(stream, said)
        elif kind == self.DATA and side == "answers":
            at = self.at.get(stream, 0)
            self.carried.body(self.names.get(stream), at, at + len(body))
            self.at[stream] = at + len(body)

    def asked(self, stream, said):
        self.names[stream] = said[":path"]

    def answered(self, stream, said):
        self.carried.answers += 1
        begin = re.match(r"bytes (\d+)-", said.get("content-range", ""))
        if said[":status"] not in ("200", "206"):
            self.names[stream] = None
        elif begin and said[":status"] == "206":
            self.at[stream] = int(begin[1])


class Plain:
    """The same of HTTP/1.1."""

    def __init__(self, carried):
        self.names, self.head = [], b""
        self.answers = Answers(carried, self.names)

    def take(self, side, data):
        if side == "answers":
            return self.answers.take(data)
        *whole, self.head = (self.head + data).split(b"\r\n\r\n")
        self.names += [one.split(b" ")[1].decode() for one in whole]


class TlsConnection:
    """One thread does both ways: a connection of TLS is no thing for two."""

    def __init__(self, client, server, carried, certificate):
        self.ends, self.cut = [client], None
        threading.Thread(target=self.run, args=(client, server, carried, certificate), daemon=True).start()

    def run(self, client, server, carried, certificate):
        try:
            asks, answers = self.meet(client, server, certificate)
            is_h2 = answers.selected_alpn_protocol() == "h2"
            follow = Streams(carried) if is_h2 else Plain(carried)
            while self.cut is None:
                ready = [end for end in (asks, answers) if end.pending()] or select.select([asks, answers], [], [], 0.05)[0]
                for end in ready:
                    side, other = ("asks", answers) if end is asks else ("answers", asks)
                    try:
                        data = end.recv(1 << 16)
                    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                        continue
                    if not data:
                        return
                    self.send(other, data)
                    follow.take(side, data)
        except (OSError, ssl.SSLError):
            pass
        finally:
            self.end()

    def meet(self, client, server, certificate):
        """The server is asked first: what it speaks is what the client is offered."""
        far = socket.create_connection(server, timeout=10)
        self.ends.append(far)
        ours = ssl.create_default_context()
        ours.check_hostname, ours.verify_mode = False, ssl.CERT_NONE
        ours.set_alpn_protocols(["h2", "http/1.1"])
        answers = self.wrapped(far, ours, server_side=False)
        theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        theirs.load_cert_chain(*certificate)
        theirs.set_alpn_protocols([answers.selected_alpn_protocol() or "http/1.1"])
        client.settimeout(10)
        asks = self.wrapped(client, theirs, server_side=True)
        for end in self.ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.setblocking(False)
        return asks, answers

    def wrapped(self, end, context, server_side):
        secure = context.wrap_socket(end, server_side=server_side)
        self.ends[self.ends.index(end)] = secure
        return secure

    def send(self, end, data):
        while data and self.cut is None:
            try:
                data = data[end.send(data):]
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                select.select([], [end], [], 0.05)

    def close(self, hard):
        """It is cut by its own thread, a moment later."""
        self.cut = "hard" if hard else "soft"

    def end(self):
        for end in self.ends:
            try:
                if self.cut == "hard":
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                else:
                    end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


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
    certificate = sys.argv[5:7]
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
                if certificate:
                    open_ones.append(TlsConnection(client, server, carried, certificate))
                else:
                    open_ones.append(Connection(client, server, carried))
            except OSError:
                client.close()

        threading.Thread(target=serve, daemon=True).start()


main()
