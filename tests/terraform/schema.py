"""Derives the schema of the AWS provider, for the types that Terraform files name, from its Python bindings.

    python schema.py --wheel cdktn_provider_aws-….whl --cache FOLDER TERRAFORM_FOLDER

prints the path of the schema as JSON: `{"provider_version", "provider", "resource", "data"}`, each type a block
as `bindings` makes it. The file is found again as long as wheel, types and these programs are the same.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import bindings

DECLARED = re.compile(r'^\s*(?:mock_)?(resource|data)\s+"(aws_\w+)"', re.M)
PROVIDER_VERSION = re.compile(r"providerVersion: '([\d.]+)'")


def types(folder: Path) -> set[tuple[str, str]]:
    """The types that the files below `folder` name: (`resource` or `data`, type)."""
    files = [file for suffix in ("*.tf", "*.tftest.hcl") for file in folder.rglob(suffix)]
    return {
        (kind, name)
        for file in files
        if ".terraform" not in file.parts
        for kind, name in DECLARED.findall(file.read_text(encoding="utf-8"))
    }


def derive(wheel: Path, wanted: set[tuple[str, str]]) -> dict[str, Any]:
    """The schema of `wanted` and of the provider's own settings."""
    folders = {_folder(kind, name): (kind, name) for kind, name in wanted}
    schema: dict[str, Any] = {"provider_version": None, "provider": None, "resource": {}, "data": {}}
    with _package(wheel) as package:
        for entry in package:
            found = re.fullmatch(r"package/lib/([^/]+)/index\.js", entry.name)
            if found is None or found.group(1) not in {*folders, "provider"}:
                continue
            file = package.extractfile(entry)
            assert file is not None, "a folder has no name that ends in .js"
            javascript = file.read().decode()
            name, block = bindings.block(javascript)
            if found.group(1) == "provider":
                schema["provider"] = block
                schema["provider_version"] = PROVIDER_VERSION.search(javascript)[1]
                continue
            kind, expected = folders[found.group(1)]
            if name != expected:
                raise bindings.BadBindings(f"{found.group(1)} is {name}, not {expected}")
            schema[kind][name] = block
    missing = sorted(f"{kind} {name}" for kind, name in wanted if name not in schema[kind])
    if missing:
        raise bindings.BadBindings(f"provider aws {schema['provider_version']} has no {', '.join(missing)}")
    return schema


def _folder(kind: str, name: str) -> str:
    dashed = name.removeprefix("aws_").replace("_", "-")
    return dashed if kind == "resource" else f"data-aws-{dashed}"


def _package(wheel: Path) -> tarfile.TarFile:
    """The bindings' JavaScript, which the wheel carries as an archive."""
    with zipfile.ZipFile(wheel) as opened:
        (inner,) = [name for name in opened.namelist() if name.endswith(".jsii.tgz")]
        return tarfile.open(fileobj=io.BytesIO(opened.read(inner)), mode="r:gz")


def _key(wheel: Path, wanted: set[tuple[str, str]]) -> str:
    programs = [Path(__file__).read_bytes(), Path(bindings.__file__).read_bytes()]
    of = json.dumps([wheel.name, sorted(wanted), [hashlib.sha256(it).hexdigest() for it in programs]])
    return hashlib.sha256(of.encode()).hexdigest()[:16]


def main() -> int:
    """Prints where the schema is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("terraform", type=Path)
    given = parser.parse_args()
    wanted = types(given.terraform)
    made = given.cache / f"schema-{_key(given.wheel, wanted)}.json"
    if not made.exists():
        try:
            schema = derive(given.wheel, wanted)
        except bindings.BadBindings as error:
            print(f"{given.terraform}: {error}", file=sys.stderr)
            return 1
        given.cache.mkdir(parents=True, exist_ok=True)
        # Named at once when it is whole: another test may look for it.
        part = made.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(schema, indent=1), encoding="utf-8")
        part.replace(made)
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
