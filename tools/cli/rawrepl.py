# MicroPython's raw REPL for its unix port, which has none; runs there, on a pseudo-terminal (tools/cli/unixport.py)
# MIT license; Copyright (c) 2026 the pitwasm authors

import sys

# What the raw REPL of a board does: shared/runtime/pyexec.c. A soft reset is the other end's business: it starts us anew.
_take = sys.stdin.buffer.read
_give = sys.stdout.buffer.write
_WINDOW = 256


def _paste():
    """Raw paste mode: the code comes in windows, each asked for. None when it was broken off."""
    _give(b"R\x01" + bytes([_WINDOW & 255, _WINDOW >> 8]) + b"\x01")
    text = b""
    while True:
        c = _take(1)
        if c == b"\x04" or not c:
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
    if text in (b"\x01", b"\x02"):
        _give(b"\r\nraw REPL; CTRL-B to exit\r\n>")
        return
    error = None
    try:
        exec(str(text, "utf-8"), scope)
    except BaseException as exc:
        error = exc
    _give(b"\x04")
    if error and not isinstance(error, SystemExit):
        sys.print_exception(error, sys.stdout)
    _give(b"\x04>")


_scope = {"__name__": "__main__"}
_give(b"raw REPL; CTRL-B to exit\r\n>")
while True:
    try:
        _once(_scope)
    except KeyboardInterrupt:
        pass
