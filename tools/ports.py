# The ends of lines a module server can sit at: serial port, pseudo-terminal, TCP; each reads whatever comes within a time
# MIT license; Copyright (c) 2026 the pitwasm authors

import fcntl
import os
import pty
import select
import socket
import sys
import termios
import time
import tty
from pathlib import Path
from typing import Protocol

from .host import HostError

MOST = 65536  # bytes taken at a time


class Port(Protocol):
    """One end of a line. OSError from read() or write(): the line is gone, open it anew."""

    name: str

    def read(self, seconds: float) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Pty:
    """A new pseudo-terminal; `name` is the device's end of it. link: a path that is made to lead there, until close()."""

    def __init__(self, link: Path | None = None) -> None:
        self.ours, self.theirs = pty.openpty()  # theirs stays open, so that devices may come and go
        tty.setraw(self.theirs)
        os.set_blocking(self.ours, False)
        self.name = os.ttyname(self.theirs)
        self.link = link
        if link:
            fresh = link.with_name(f"{link.name}.{os.getpid()}.tmp")
            fresh.symlink_to(self.name)
            os.replace(fresh, link)
            self.name = str(link)

    def read(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self.ours], [], [], seconds)
        return os.read(self.ours, MOST) if ready else b""

    def write(self, data: bytes) -> None:
        """In pieces, never more at once than the terminal holds (4 KB): Linux may stall one for good whose buffers have run over."""
        patience = 1000
        while data:
            if int.from_bytes(fcntl.ioctl(self.theirs, termios.FIONREAD, bytes(4)), sys.byteorder) > 2048:
                patience -= 1
                if not patience:
                    return  # nobody reads: lost, as on any line
                time.sleep(0.001)  # there is nothing to wait for: it tells of more room only when it has run over
                continue
            try:
                data = data[os.write(self.ours, data[:1024]) :]
            except BlockingIOError:
                return

    def close(self) -> None:
        if self.link:
            self.link.unlink(missing_ok=True)
        os.close(self.ours)
        os.close(self.theirs)


class Socket:
    def __init__(self, connection: socket.socket, name: str) -> None:
        self.connection = connection
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.name = name

    def read(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self.connection], [], [], seconds)
        if not ready:
            return b""
        data = self.connection.recv(MOST)
        if not data:
            raise ConnectionResetError(f"{self.name} was closed at the other end")
        return data

    def write(self, data: bytes) -> None:
        self.connection.settimeout(5)
        self.connection.sendall(data)

    def close(self) -> None:
        self.connection.close()


class Serial:
    """A serial port, or any URL that pyserial knows."""

    def __init__(self, name: str, baud: int) -> None:
        try:
            import serial
        except ImportError:
            raise HostError("serial ports need pyserial: pip install -r requirements.txt, or use make") from None
        self.name = name
        self.port = serial.serial_for_url(name, baudrate=baud, write_timeout=5)

    def read(self, seconds: float) -> bytes:
        self.port.timeout = seconds
        data = self.port.read(1)
        return data + self.port.read(self.port.in_waiting) if data else b""

    def write(self, data: bytes) -> None:
        self.port.write(data)

    def close(self) -> None:
        self.port.close()


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal():
        raise HostError(f"{text}: not HOST:PORT")
    return host.strip("[]"), int(port)


def open_port(url: str, baud: int = 115200, link: Path | None = None) -> Port:
    """pty, socket://HOST:PORT (connects), listen://HOST:PORT (waits for a device to connect), else a serial port."""
    if url == "pty":
        return Pty(link)
    kind, _, rest = url.partition("://")
    if kind == "socket":
        return Socket(socket.create_connection(address(rest), timeout=5), url)
    if kind == "listen":
        with socket.create_server(address(rest), backlog=1) as server:
            return Socket(server.accept()[0], url)
    return Serial(url, baud)
