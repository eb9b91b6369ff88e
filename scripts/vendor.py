"""Fetch the browser's scripts and styles that ship with ccflare, as static/vendor/VENDORED.json lists them.

To take a newer version: change it there and run `python scripts/vendor.py --accept`, which records the new checksums.
Without `--accept` a file that differs from its checksum is an error and nothing is written.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TypedDict

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
LIST = VENDOR / "VENDORED.json"


class File(TypedDict):
    """One file: its place in the package and its checksum."""

    member: str
    sha256: str


class Package(TypedDict):
    """One package of the npm registry and what we take from it."""

    package: str
    version: str
    license: str
    files: dict[str, File]


def fetched(package: Package, folder: Path) -> dict[str, bytes]:
    """Return the contents of a package's files by our own names."""
    name = f"{package['package']}@{package['version']}"
    done = subprocess.run(
        ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), name],
        check=True,
        capture_output=True,
        text=True,
    )
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        contents = {}
        for ours, file in package["files"].items():
            member = archive.extractfile(f"package/{file['member']}")
            if member is None:
                raise SystemExit(f"{name} has no {file['member']}")
            contents[ours] = member.read()
    return contents


def main(arguments: list[str]) -> int:
    """Fetch, compare, write; 1 when a checksum differs."""
    packages: list[Package] = json.loads(LIST.read_text("utf-8"))
    contents: dict[str, bytes] = {}
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        for package in packages:
            for name, content in fetched(package, Path(folder)).items():
                contents[name] = content
                checksum = hashlib.sha256(content).hexdigest()
                file = package["files"][name]
                if file["sha256"] != checksum and "--accept" not in arguments:
                    faults.append(f"{name} of {package['package']} {package['version']}: {checksum} is not as recorded")
                file["sha256"] = checksum
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    for name, content in contents.items():
        (VENDOR / name).write_bytes(content)
    LIST.write_text(json.dumps(packages, indent=2) + "\n", "utf-8")
    print(f"{len(contents)} files written to {VENDOR}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
