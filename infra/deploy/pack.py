"""Packs functions for Lambda: the same program makes the same bytes, whenever and by whomever it is packed.

    python3 pack.py BUILT ZIPS

`BUILT/<function>/bootstrap` becomes `ZIPS/<function>.zip`, and `ZIPS/SHA256SUMS` says what they are.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

# The earliest that a zip can say; when something was built is no part of what it is.
EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3
EXECUTABLE = 0o100755 << 16


def pack(program: Path, target: Path) -> None:
    """One program as `bootstrap`, which Lambda starts."""
    entry = zipfile.ZipInfo("bootstrap", EPOCH)
    entry.create_system = UNIX
    entry.external_attr = EXECUTABLE
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(target, "w") as zipped:
        zipped.writestr(entry, program.read_bytes(), compresslevel=9)


def main(built: Path, zips: Path) -> None:
    """All functions that were built."""
    zips.mkdir(parents=True, exist_ok=True)
    programs = sorted(built.glob("*/bootstrap"))
    if not programs:
        sys.exit(f"{built} holds no <function>/bootstrap")
    sums = []
    for program in programs:
        target = zips / f"{program.parent.name}.zip"
        pack(program, target)
        sums.append(f"{hashlib.sha256(target.read_bytes()).hexdigest()}  {target.name}\n")
    (zips / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
