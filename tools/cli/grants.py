# --grant: what of the board a guest may use, from words to the arguments of pitwasm.peripherals.grant()
# MIT license; Copyright (c) 2026 the pitwasm authors

import re

from .errors import Usage

HELP = "pin:25=out (in, in up, in down, out, od), adc:26, pwm:15, i2c:0, i2c:0,sda=4,scl=5,freq=100000, spi:0, uart:1, time, log"

BUS_PINS = {"i2c": ("sda", "scl"), "spi": ("sck", "mosi", "miso"), "uart": ("tx", "rx")}


def expression(words: list[str]) -> str:
    """The dictionary of keyword arguments, as text for the board; "" without words."""
    parts: dict[str, list[str]] = {}
    for word in words:
        kind, _, rest = word.partition(":")
        if kind in ("time", "log") and not rest:
            parts[kind] = ["True"]
            continue
        number, _, more = rest.replace(",", "=", 1).partition("=") if kind == "pin" else rest.partition(",")
        if not number.isdecimal():
            raise Usage(f"--grant {word}: not one of {HELP}")
        if kind == "pin":
            if more not in ("in", "in up", "in down", "out", "od"):
                raise Usage(f"--grant {word}: a pin is in, in up, in down, out or od")
            parts.setdefault("pins", []).append(f"{number}: {more!r}")
        elif kind in ("adc", "pwm") and not more:
            parts.setdefault(kind, []).append(f"{number}: True")
        elif kind in BUS_PINS:
            parts.setdefault(kind, []).append(f"{number}: machine.{kind.upper()}({number}{_options(word, kind, more)})")
        else:
            raise Usage(f"--grant {word}: not one of {HELP}")
    texts = [f"{kind!r}: " + (things[0] if things == ["True"] else f"{{{', '.join(things)}}}") for kind, things in parts.items()]
    return f"{{{', '.join(texts)}}}" if texts else ""


def _options(word: str, kind: str, text: str) -> str:
    """sda=4,freq=100000 -> ", sda=machine.Pin(4), freq=100000"."""
    found = ""
    for option in filter(None, text.split(",")):
        if not re.fullmatch(r"[a-z]+=\d+", option):
            raise Usage(f"--grant {word}: options are NAME=NUMBER")
        name, _, value = option.partition("=")
        found += f", {name}=" + (f"machine.Pin({value})" if name in BUS_PINS[kind] else value)
    return found
