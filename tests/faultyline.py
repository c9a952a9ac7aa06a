# A line between a device on a pseudo-terminal and a module server, that loses, harms, doubles, delays and paces what goes over it
# MIT license; Copyright (c) 2026 the pitwasm authors

import heapq
import math
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools import ports
from tools.host import ROOT
from tools.uartlink import DATA, INFO, NO, REQUEST, Parser, frame

UP, DOWN = 0, 1  # to the host, to the device


@dataclass(frozen=True)
class Faults:
    """Probabilities for each frame, and what a delayed one is delayed by at most."""

    lost: float = 0
    flipped: float = 0  # 1 to 8 bits of a frame
    noise: float = 0  # each bit of all frames
    doubled: float = 0
    delayed: float = 0  # and so reordered
    delay: float = 0.02
    garbage: float = 0  # bytes that are no frame in front of it
    kill: int = 0  # the server, after about so many frames of data


class Line:
    """In a `with` block. `path` is the device's end. The host's is `answer`, or a server process that serves `folder`."""

    def __init__(
        self,
        answer: Callable[[bytes], bytes | None] | None = None,
        folder: Path | None = None,
        faults: Faults | None = None,
        seed: int = 0,
        baud: int = 0,
        latency: float = 0,
    ) -> None:
        self.answer, self.folder, self.faults = answer, folder, faults or Faults()
        self.random = random.Random(seed)
        self.baud, self.latency = baud, latency
        self.counts: Counter[str] = Counter()
        self.sent: list[tuple[int, int, int]] = []  # direction, bytes on the wire, bytes of a module among them
        self.port = ports.Pty()
        self.path = self.port.name
        self.queue: list[tuple[float, int, int, bytes]] = []  # due, number, direction, bytes
        self.free = [0.0, 0.0]  # when each direction has sent what it was given
        self.parsers = (Parser(), Parser(bytes([INFO, DATA, NO]), 65535))
        self.hearing = Parser()  # what `answer` takes its requests from
        self.server: subprocess.Popen | None = None
        self.connection: socket.socket | None = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.wake = os.pipe()
        self.thread = threading.Thread(target=self.run)
        self.failed: BaseException | None = None

    def __enter__(self) -> "Line":
        if self.folder:
            self.start()
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self.wake[1])
        self.thread.join()
        os.close(self.wake[0])
        if self.server:
            self.server.kill()
            self.server.wait()
        if self.connection:
            self.connection.close()
        self.listener.close()
        self.port.close()
        if self.failed:
            raise self.failed

    def start(self) -> None:
        url = f"socket://127.0.0.1:{self.listener.getsockname()[1]}"
        command = [sys.executable, "-m", "tools.serve", self.folder, "--port", url]
        self.server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)

    def run(self) -> None:
        try:
            while self.turn():
                pass
        except BaseException as exc:
            self.failed = exc

    def turn(self) -> bool:
        sources = [self.port.ours, self.wake[0], self.connection or self.listener]
        wait = max(0, self.queue[0][0] - time.monotonic()) if self.queue else None
        ready, _, _ = select.select(sources, [], [], wait)
        if self.wake[0] in ready:
            return False
        if self.port.ours in ready:
            self.take(UP, os.read(self.port.ours, 65536))
        if self.listener in ready:
            self.connection = self.listener.accept()[0]
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        elif self.connection in ready:
            try:
                data = self.connection.recv(65536)
            except ConnectionResetError:
                data = b""
            if data:
                self.take(DOWN, data)
            else:
                self.hang_up()
        while self.queue and self.queue[0][0] <= time.monotonic():
            _, _, direction, data = heapq.heappop(self.queue)
            self.deliver(direction, data)
        return True

    def hang_up(self) -> None:
        self.connection.close()
        self.connection = None
        self.parsers[DOWN].silence()

    def take(self, direction: int, data: bytes) -> None:
        """Frame by frame through the faults."""
        for kind, payload in self.parsers[direction].feed(data):
            self.counts["frames"] += 1
            if kind == DATA and self.faults.kill and self.random.random() < 1 / self.faults.kill and self.server:
                self.counts["killed"] += 1
                self.server.kill()
                self.server.wait()
                self.start()
            self.send(direction, frame(kind, payload), len(payload) - 8 if kind == DATA else 0)

    def chance(self, what: str) -> bool:
        happens = self.random.random() < getattr(self.faults, what)
        self.counts[what] += happens
        return happens

    def send(self, direction: int, data: bytes, payload: int) -> None:
        self.sent.append((direction, len(data), payload))
        due = time.monotonic()
        if self.baud:
            # The bytes come one after the other, ten bits each; a few at a time here.
            start = max(due + self.latency, self.free[direction])
            for at in range(0, len(data), 16):
                piece = data[at : at + 16]
                start += len(piece) * 10 / self.baud
                self.push(start, direction, piece)
            self.free[direction] = start
            return
        if self.chance("lost"):
            return
        if self.chance("garbage"):
            data = self.random.randbytes(self.random.randrange(1, 40)) + self.random.choice([b"", b"\xfa", b"\xfaD\x00"]) + data
        for _ in range(1 + self.chance("doubled")):
            harmed = self.harm(data)
            later = self.random.random() * self.faults.delay if self.chance("delayed") else 0
            self.push(due + later, direction, harmed)

    def harm(self, data: bytes) -> bytes:
        bits = set()
        if self.chance("flipped"):
            bits = {self.random.randrange(len(data) * 8) for _ in range(self.random.randrange(1, 9))}
        if self.faults.noise:
            at = -1
            while True:
                at += 1 + int(math.log(1 - self.random.random()) / math.log(1 - self.faults.noise))
                if at >= len(data) * 8:
                    break
                bits.add(at)
        harmed = bytearray(data)
        for bit in bits:
            harmed[bit >> 3] ^= 1 << (bit & 7)
        self.counts["bits"] += len(bits)
        return bytes(harmed)

    def push(self, due: float, direction: int, data: bytes) -> None:
        self.counts["pushed"] += 1
        heapq.heappush(self.queue, (due, self.counts["pushed"], direction, data))

    def deliver(self, direction: int, data: bytes) -> None:
        if direction == DOWN:
            self.port.write(data)
        elif self.answer is None:
            try:
                if self.connection:
                    self.connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                self.hang_up()
        else:
            for kind, payload in self.hearing.feed(data):
                assert kind == REQUEST
                answer = self.answer(payload)
                if answer:
                    self.take(DOWN, answer)
