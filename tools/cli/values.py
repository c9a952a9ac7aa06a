# Arguments and results as people write them: 7, -1, 0x10, 1e-3, nan, null; VALUE:TYPE as `micropython -m pitwasm` prints them
# MIT license; Copyright (c) 2026 the pitwasm authors

from .errors import Usage
from .resources import numbers


def parse(text: str, kind: str, raw: bool) -> int:
    """The bits an argument stands for; its type may follow it, as in results. raw: 0x… of a float are its bits."""
    value, _, given = text.partition(":") if not text.lower().lstrip("+-").startswith("nan:") else (text, "", "")
    if given and given != kind:
        raise Usage(f"argument {text} is for a parameter of type {kind}")
    try:
        if kind in ("f32", "f64"):
            if raw and value[:2].lower() == "0x":
                bits = int(value, 16)
                if bits >> int(kind[1:]):
                    raise ValueError
                return bits
            return (numbers().parse_f32 if kind == "f32" else numbers().parse_f64)(value)
        if kind in ("i32", "i64"):
            n, width = int(value, 0), int(kind[1:])
            if not -(1 << (width - 1)) <= n < 1 << width:
                raise ValueError
            return n
        if value != "null":
            raise ValueError
        return 0
    except ValueError:
        raise Usage(f"argument {text} is no {kind}") from None


def show(bits: int, kind: str, raw: bool) -> str:
    """A result as VALUE:TYPE."""
    if kind in ("i32", "i64"):
        width = int(kind[1:])
        return f"{bits - (1 << width) if bits >> (width - 1) else bits}:{kind}"
    if kind in ("f32", "f64"):
        if raw:
            return f"0x{bits:0{int(kind[1:]) // 4}x}:{kind}"
        return f"{(numbers().f32_str if kind == 'f32' else numbers().f64_str)(bits)}:{kind}"
    return f"{bits or 'null'}:{kind}"
