# Packaging beyond pyproject.toml: which tools go into the wheel, and pitwasm itself, built for every architecture
# MIT license; Copyright (c) 2026 the pitwasm authors

import re
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

# Of tools/: the command line and what it stands on; the rest is for working on pitwasm.
NEEDED = ("__init__", "host", "parts", "ports", "serve", "uartlink")

VERSION = re.search(r'__version__ = "(.*)"', (ROOT / "core" / "pitwasm" / "__init__.py").read_text())[1]


class Build(build_py):
    """The modules named above, and cli/data: what tools/cli/resources.py looks for when there is no checkout."""

    def find_package_modules(self, package: str, package_dir: str) -> list:
        found = super().find_package_modules(package, package_dir)
        return [entry for entry in found if package != "pitwasm_tools" or entry[1] in NEEDED]

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        from tools.build import ARCHS, build_all

        data = Path(self.build_lib) / "pitwasm_tools" / "cli" / "data"
        copies = {data / path.name: path for path in ROOT.glob("bench/*") if path.suffix in (".wasm", ".json")}
        copies[data / "numbers.py"] = ROOT / "core" / "pitwasm" / "numbers.py"
        for arch, folder in zip(ARCHS, build_all(list(ARCHS), ROOT / "build"), strict=True):
            copies |= {data / arch / path.name: path for path in (folder / "pitwasm").glob("*.mpy")}
        for target, source in copies.items():
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))


setup(version=VERSION, cmdclass={"build_py": Build})
