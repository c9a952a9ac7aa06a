# The command line `pitwasm`: installs the runtime on a board, pushes modules to it, runs, looks at and measures them
# MIT license; Copyright (c) 2026 the pitwasm authors


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status: 0 done, 1 failed (a sentence on stderr), 2 wrong usage; of a WASI program, its own."""
    from .commands import main

    return main(argv)
