# MicroPython's raw REPL for its unix port, which has none; runs there, on a pseudo-terminal (tools/cli/unixport.py)
# MIT license; Copyright (c) 2026 the pitwasm authors

import gc
import sys

# What the raw REPL of a board does: shared/runtime/pyexec.c. A soft reset forgets globals and modules, and keeps the heap; for a
# new one the other end starts us anew.
_take = sys.stdin.buffer.read
_give = sys.stdout.buffer.write
_WINDOW = 256
_ISIG, _NOFLSH = 1, 128  # Linux

try:
    import termios
except ImportError:  # then Ctrl-C is a signal all the time, and what is typed right behind it may be lost
    termios = None


def _signals(on):
    """Ctrl-C is a signal while code runs, and a byte like any other before and after."""
    if termios:
        mode = termios.tcgetattr(0)
        mode[3] = mode[3] | _ISIG | _NOFLSH if on else mode[3] & ~_ISIG
        termios.tcsetattr(0, 0, mode)


def _paste():
    """Raw paste mode: the code comes in windows, each asked for. None when it was broken off."""
    _give(b"R\x01" + bytes([_WINDOW & 255, _WINDOW >> 8]) + b"\x01")
    text = b""
    while True:
        c = _take(1)
        if c == b"\x04" or not c:
            _signals(True)
            _give(b"\x04")
            return text
        if c == b"\x03":
            return None
        text += c
        if len(text) % _WINDOW == 0:
            _give(b"\x01")


def _line():
    """Code up to Ctrl-D, as bytes; or the control character that was given instead."""
    text = b""
    while True:
        c = _take(1)
        if not c:
            sys.exit()  # the other end has gone
        if c == b"\x04":
            if text:
                _signals(True)
                _give(b"OK")
            return text
        if c == b"\x05" and not text:
            mode = _take(2)
            if mode == b"A\x01":
                text = _paste()
                if text is not None:
                    return text
            text = b""
        elif c in (b"\x01", b"\x02"):
            return c
        elif c == b"\x03":
            text = b""
        else:
            text += c


def _once(scope):
    text = _line()
    if not text:
        scope.clear()
        scope["__name__"] = "__main__"
        for name in list(sys.modules):
            if name != "__main__":
                del sys.modules[name]
        gc.collect()
        _give(b"OK\r\nMPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>")
        return
    if text in (b"\x01", b"\x02"):  # there is no friendly REPL to go back to, only its prompt
        _give(b"\r\nraw REPL; CTRL-B to exit\r\n>" if text == b"\x01" else b"\r\n>>> ")
        return
    error = None
    try:
        exec(str(text, "utf-8"), scope)
    except BaseException as exc:
        error = exc
    _signals(False)
    _give(b"\x04")
    if error and not isinstance(error, SystemExit):
        sys.print_exception(error, sys.stdout)
    _give(b"\x04>")


_scope = {"__name__": "__main__"}
_signals(False)
_give(b"raw REPL; CTRL-B to exit\r\n>")
while True:
    try:
        _once(_scope)
    except KeyboardInterrupt:
        pass
