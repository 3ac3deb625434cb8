"""A bad line on one machine: two network namespaces and, between them, a relay
that delays, loses and paces packets. For root on Linux; used by the scripts beside it.

    with Line(delay_ms=30, loss=0.01, mbit=100) as line:
        line.server(["nginx", …]); line.client(["curl", f"http://{line.address}/"])
"""

import collections
import ctypes
import fcntl
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
#: What a router holds back before it drops, in seconds.
QUEUE_SECONDS = 0.4


def open_tun(name):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def relay(ends, delay, loss, rate):
    """Carries packets between two devices until it is killed; `rate` in bytes a second, each way."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # it ends with whoever made it
    chance = random.Random(1)
    queues = [collections.deque(), collections.deque()]
    free = [0.0, 0.0]
    poll = select.epoll()
    for end in ends:
        poll.register(end, select.EPOLLIN)
    while True:
        now = time.monotonic()
        wait = 1.0
        for side, queue in enumerate(queues):
            while queue and queue[0][0] <= now:
                try:
                    os.write(ends[1 - side], queue.popleft()[1])
                except OSError:
                    pass  # the other device takes no more: a lost packet
            if queue:
                wait = min(wait, queue[0][0] - now)
        ready = {end for end, _ in poll.poll(max(wait, 0))}
        for side, end in enumerate(ends):
            if end not in ready:
                continue
            for _ in range(64):
                try:
                    packet = os.read(end, 65536)
                except BlockingIOError:
                    break
                if chance.random() < loss:
                    continue
                now = time.monotonic()
                begin = max(free[side], now)
                if begin - now > QUEUE_SECONDS:
                    continue
                free[side] = begin + len(packet) / rate
                queues[side].append((free[side] + delay, packet))


class Line:
    """Delay is one way, loss a share of packets each way, the rate each way."""

    def __init__(self, delay_ms, loss, mbit):
        self.delay, self.loss, self.rate = delay_ms / 1000, loss, mbit * 1e6 / 8
        self.name = f"entracte{os.getpid()}"
        self.address = "10.99.0.2"
        self.started = []

    def __enter__(self):
        devices = [f"ea{os.getpid()}", f"eb{os.getpid()}"]
        ends = [open_tun(device) for device in devices]
        self.relay = os.fork()
        if self.relay == 0:
            try:
                relay(ends, self.delay, self.loss, self.rate)
            finally:
                os._exit(1)
        for end in ends:
            os.close(end)
        self.device = devices[0]
        for side, device in zip("ab", devices):
            space = self.name + side
            own, other = ("10.99.0.1", "10.99.0.2") if side == "a" else ("10.99.0.2", "10.99.0.1")
            for argv in (
                ["netns", "add", space],
                ["link", "set", device, "netns", space],
                ["-n", space, "addr", "add", own, "peer", other, "dev", device],
                ["-n", space, "link", "set", device, "up"],
                ["-n", space, "link", "set", "lo", "up"],
            ):
                subprocess.run(["ip", *argv], check=True)
        return self

    def __exit__(self, *_):
        for process in self.started:
            process.terminate()
            process.wait()
        os.kill(self.relay, signal.SIGKILL)
        os.waitpid(self.relay, 0)
        for side in "ab":
            subprocess.run(["ip", "netns", "del", self.name + side], check=False)

    def _inside(self, side, argv):
        return ["ip", "netns", "exec", self.name + side, *argv]

    def inside(self, argv):
        """The command, to be started on the client's side."""
        return self._inside("a", argv)

    def server(self, argv, **options):
        """Starts a server that stays in the foreground; it is ended with the line."""
        process = subprocess.Popen(self._inside("b", argv), **options)
        self.started.append(process)
        return process

    def client(self, argv, **options):
        return subprocess.run(self._inside("a", argv), **options)

    def bytes(self):
        """What went over the line so far, both ways, with all headers."""
        read = ["cat"] + [
            f"/sys/class/net/{self.device}/statistics/{what}_bytes" for what in ("rx", "tx")
        ]
        # /sys shows the devices of the namespace that mounted it.
        told = self.client(["sh", "-c", "mount -t sysfs sysfs /sys; " + " ".join(read)], capture_output=True, check=True)
        return sum(map(int, told.stdout.split()))


if __name__ == "__main__":
    sys.exit(__doc__)
