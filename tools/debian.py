# Debian packages and sources by a private apt configuration: the machine's own apt keeps its state as it is
# MIT license; Copyright (c) 2026 the pitwasm authors

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from tools.host import HostError, call, has, need_packages, say

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Apt:
    """An apt whose lists and cache lie in a folder of ours; it knows one suite at a time, of one architecture."""

    def __init__(self, folder: Path, suite: str, arch: str | None = None):
        if not has("apt-get"):
            raise HostError("this needs packages from Debian, and there is no apt-get to get them with")
        need_packages({"debian-archive-keyring": Path(KEYRING).exists()}, "checking Debian's signatures")
        self.folder = folder / f"apt-{suite}{'-' + arch if arch else ''}"
        self.suite = suite
        for sub in ("lists/partial", "cache/archives/partial"):
            (self.folder / sub).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        options = {
            "Dir::Etc::sourcelist": self.folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "APT::Sandbox::User": "",  # root's apt would otherwise read our folders as another user
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        if arch:
            options |= {"APT::Architecture": arch, "APT::Architectures": arch}
        self.command = ["apt-get", "-q", *(part for key, value in options.items() for part in ("-o", f"{key}={value}"))]

    def update(self) -> None:
        mirror = os.environ.get("PITWASM_MIRROR") or debian_mirror()
        lines = [f"{kind} [signed-by={KEYRING}] {mirror} {self.suite} main\n" for kind in ("deb", "deb-src")]
        (self.folder / "sources.list").write_text("".join(lines))
        call(*self.command, "update")

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def fetch(
    folder: Path, suites: Sequence[str], binaries: Sequence[str] = (), sources: Sequence[str] = (), arch: str | None = None
) -> dict[str, Path]:
    """Download binary packages and upstream source archives into a folder, all from the first suite that has all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    errors: list[str] = []
    for suite in suites:
        say(f"fetching {', '.join([*sources, *binaries])} from Debian {suite}")
        apt = Apt(folder, suite, arch)
        try:
            apt.update()
            if sources:
                call(*apt.command, "source", "--download-only", *sources, cwd=folder)
            if binaries:
                call(*apt.command, "download", *binaries, cwd=folder)
        except HostError as exc:
            errors.append(str(exc))
            continue
        found = {name: _newest(folder, f"{name}_*.orig.tar.*[!c]") for name in sources}
        found |= {name: _newest(folder, f"{name}_*.deb") for name in binaries}
        missing = [name for name, path in found.items() if path is None]
        if not missing:
            apt.close()
            return found
        errors.append(f"Debian {suite}: no archive came for {', '.join(missing)}")
    raise HostError("\n".join(errors) + "\nPITWASM_SUITE names other suites, PITWASM_MIRROR another mirror.")


def _newest(folder: Path, pattern: str) -> Path | None:
    return max(folder.glob(pattern), key=lambda path: path.stat().st_mtime, default=None)


def suites(*usual: str) -> list[str]:
    """The suites to try: PITWASM_SUITE, or the usual ones."""
    return os.environ["PITWASM_SUITE"].split() if "PITWASM_SUITE" in os.environ else list(usual)


def unpack_source(archive: Path, target: Path) -> Path:
    """A source archive's contents, as a folder that appears complete or not at all."""
    fresh = target.with_name(target.name + ".tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    call("tar", "-xf", archive, "-C", fresh, "--strip-components=1")
    return fresh.rename(target)


def debian_mirror(etc: Path = Path("/etc")) -> str:
    """The mirror this machine takes Debian itself from, whichever way its sources are written."""
    own = {"stable", "testing", "unstable", "sid", "forky"}
    release = etc / "os-release"
    if release.exists() and (name := re.search(r"^VERSION_CODENAME=\"?(\w+)", release.read_text(), re.M)):
        own.add(name[1])
    for uri, names, components in _apt_sources(etc / "apt"):
        if "main" in components and own & set(names):
            return uri
    raise HostError("apt's sources name no Debian mirror; set PITWASM_MIRROR to the URI of one")


def _apt_sources(apt: Path) -> list[tuple[str, list[str], list[str]]]:
    """(URI, suites, components) of every source apt knows, in the order of the files."""
    found: list[tuple[str, list[str], list[str]]] = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if path.suffix not in (".list", ".sources") or not path.is_file():
            continue
        text = re.sub(r"^\s*#.*\n?", "", path.read_text(), flags=re.M)
        if path.suffix == ".list":
            for line in re.findall(r"^deb(?:-src)?\s+(.*)", text, re.M):
                words = re.sub(r"^\[.*?\]\s*", "", line).split()
                found.append((words[0], words[1:2], words[2:]))
            continue
        for stanza in re.split(r"\n\s*\n", text):
            fields = {key.lower(): value.split() for key, value in re.findall(r"^([\w-]+):((?:.|\n[ \t])*)", stanza, re.M)}
            if fields.get("enabled", ["yes"])[0].lower() not in ("no", "false", "0", "off"):
                found += [(uri, fields.get("suites", []), fields.get("components", [])) for uri in fields.get("uris", [])]
    return found
