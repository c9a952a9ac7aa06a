# Runs pitwasm in MicroPython child processes, one object per word size; as a program: shell assignments for `make env`
# MIT license; Copyright (c) 2026 the pitwasm authors

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools import build, micropython
from tools.host import HostError


class ChildDied(AssertionError):
    """A MicroPython process that was ended by a signal or ran out of time: always a bug of ours, never a result."""


@dataclass(frozen=True)
class MicroPython:
    path: Path  # the executable
    bits: int  # of a word: 64 or 32
    packages: Path  # what MICROPYPATH is set to: the folder with pitwasm/*.mpy for this word size

    def command(self, args: str | Sequence[str | Path], heap: str | int | None = None) -> list[str]:
        """The argument list: a script's text, or arguments; heap as -X heapsize has it (2M, 256K, bytes)."""
        words = ["-c", args] if isinstance(args, str) else [str(arg) for arg in args]
        return [str(self.path), *([] if heap is None else ["-X", f"heapsize={heap}"]), *words]

    def environ(self, paths: Sequence[Path] = ()) -> dict[str, str]:
        """The environment of a child; paths: folders with further modules for it."""
        return {**os.environ, "MICROPYPATH": ":".join(str(path) for path in (self.packages, *paths))}

    def run(
        self,
        args: str | Sequence[str | Path],
        stdin: bytes | str | None = None,
        timeout: float = 60,
        heap: str | int | None = None,
        paths: Sequence[Path] = (),
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a script's text, or MicroPython with arguments; any exit status is a result, dying is not."""
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            if isinstance(args, str) and len(args) > 100_000:  # more than one argument may hold
                file.write(args)
                file.flush()
                args = [file.name]
            command = self.command(args, heap)
            data = stdin.encode() if isinstance(stdin, str) else stdin or b""
            try:
                done = subprocess.run(
                    command, input=data, capture_output=True, timeout=timeout, env=self.environ(paths), cwd=cwd
                )
            except subprocess.TimeoutExpired as exc:
                raise ChildDied(_story(command, f"ran for more than {timeout} s", exc.stdout, exc.stderr)) from None
        if done.returncode < 0:
            raise ChildDied(_story(command, f"was ended by signal {-done.returncode}", done.stdout, done.stderr))
        return subprocess.CompletedProcess(command, done.returncode, _text(done.stdout), _text(done.stderr))

    def out(self, script: str, **options) -> str:
        """What a script prints; the script has to end well. Options as for run()."""
        done = self.run(script, **options)
        if done.returncode != 0:
            raise AssertionError(_story(done.args, f"ended with status {done.returncode}", done.stdout, done.stderr))
        return done.stdout


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="backslashreplace") if isinstance(output, bytes) else output or ""


def _story(command: Sequence[str], what: str, stdout: bytes | str | None, stderr: bytes | str | None) -> str:
    """Everything a person needs to see what a child was doing."""
    said = f"{shlex.join(command)[:2000]}\n{what}"
    for name, output in (("stdout", _text(stdout)), ("stderr", _text(stderr))):
        said += f"\n--- {name}\n{output[-4000:].rstrip()}" if output else ""
    return said


@cache
def get(bits: int) -> MicroPython:
    """The MicroPython of that word size with an up-to-date pitwasm, both made if need be."""
    return MicroPython(micropython.ensure(bits), bits, build.build(micropython.ARCH[bits][1]))


def main() -> int:
    try:
        mp64, mp32 = get(64), get(32)
    except (HostError, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    for name, value in (
        ("MICROPYTHON", mp64.path),
        ("MICROPYTHON32", mp32.path),
        ("MICROPYPATH", mp64.packages),
        ("MICROPYPATH32", mp32.packages),
    ):
        print(f"{name}={shlex.quote(str(value))}")
    print("export MICROPYPATH")  # MicroPython itself reads this one
    return 0


if __name__ == "__main__":
    sys.exit(main())
