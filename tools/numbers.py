# Puts the tables of the last test run into the documents: python -m tools.numbers
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A line "<!-- name -->" in docs/ is followed by a block of text: what build/name.txt has, as tests/board/ recorded it.

import re
import sys

from tools.host import OUT, ROOT

BLOCK = re.compile(r"(<!-- ([\w-]+) -->\n```text\n).*?(^```$)", re.M | re.S)


def main() -> int:
    missing = []

    def fresh(found: re.Match) -> str:
        path = OUT / f"{found[2]}.txt"
        if not path.exists():
            missing.append(path.name)
            return found[0]
        return found[1] + re.sub(r"[ \t]+$", "", path.read_text(), flags=re.M).rstrip() + "\n" + found[3]

    for path in sorted((ROOT / "docs").glob("*.md")):
        text = path.read_text()
        if (new := BLOCK.sub(fresh, text)) != text:
            path.write_text(new)
            print(f"{path.relative_to(ROOT)}: renewed")
    for name in missing:
        print(f"build/{name} is not there: run make test-board first", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
