# The fallback: ampy's Pyboard where mpremote cannot (not installed, or a board that is slow to take the raw REPL)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# ampy interrupts twice, waits, and always soft-resets; it has no raw paste mode, so it also suits boards whose one is broken.

from ampy.pyboard import Pyboard


class AmpyPort(Pyboard):
    """ampy's board with the attributes the rest uses of mpremote's."""

    in_raw_repl = False
    always_resets = True

    def __init__(self, device: str, baudrate: int, rawdelay: float):
        super().__init__(device, baudrate=baudrate, rawdelay=rawdelay)
        self.device_name = device
        self.serial.timeout = 10

    def enter_raw_repl(self, soft_reset: bool = True) -> None:
        """Always a soft reset: ampy knows no other way in."""
        super().enter_raw_repl()
        self.in_raw_repl = True

    def exit_raw_repl(self) -> None:
        super().exit_raw_repl()
        self.in_raw_repl = False
