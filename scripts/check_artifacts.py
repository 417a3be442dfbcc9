#!/usr/bin/env python3
"""Reads the artifacts of a target folder with the public package dbt-artifacts-parser.

usage: scripts/check_artifacts.py TARGET_DIR [--venv DIR]

Loads manifest.json, run_results.json, sources.json and catalog.json, each if it is there, and prints what was read.
The parser's models are generated from dbt's JSON schemas and refuse what does not fit them, so a file that loads is a file
that other tools can load. Exit code 0 if every file that is there was read, 1 if one was refused or none is there.

The package is installed into a virtual environment of its own (default: target/check_artifacts_venv), made on first use.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import venv

PACKAGE = "dbt-artifacts-parser==0.15.0"
ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = ("manifest", "run_results", "sources", "catalog")


def ensure_package(folder: pathlib.Path) -> pathlib.Path:
    """The interpreter of an environment that has the package."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != PACKAGE:
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
        stamp.write_text(PACKAGE)
    return python


def describe(name: str, parsed) -> list[str]:
    """What was read, in a few lines."""
    if name == "manifest":
        kinds = collections.Counter(node.resource_type for node in parsed.nodes.values())
        lines = [f"  nodes: {', '.join(f'{n} {k}' for k, n in sorted(kinds.items()))}"]
        for section in ("sources", "macros", "docs", "exposures", "metrics", "groups", "saved_queries",
                        "semantic_models", "unit_tests", "parent_map", "child_map"):
            lines.append(f"  {section}: {len(getattr(parsed, section, None) or {})}")
        return lines
    if name == "catalog":
        return [f"  nodes: {len(parsed.nodes)}", f"  sources: {len(parsed.sources)}"]
    statuses = collections.Counter(getattr(r.status, "value", r.status) for r in parsed.results)
    return [f"  results: {', '.join(f'{n} {s}' for s, n in sorted(statuses.items())) or 'none'}",
            f"  elapsed_time: {parsed.elapsed_time:.2f}"]


def read_all(target: pathlib.Path) -> int:
    from dbt_artifacts_parser import parser

    read = refused = 0
    for name in FILES:
        path = target / f"{name}.json"
        if not path.exists():
            continue
        data = json.loads(path.read_text(encoding="utf-8"))
        parse = getattr(parser, f"parse_{name}")
        try:
            parsed = parse(data)
        except Exception as error:  # every refusal is printed, whatever class the parser uses
            refused += 1
            print(f"{path}: REFUSED\n{error}")
            continue
        read += 1
        metadata = data["metadata"]
        print(f"{path}: {metadata['dbt_schema_version']} (dbt {metadata['dbt_version']})")
        print("\n".join(describe(name, parsed)))
    if read + refused == 0:
        print(f"{target}: no artifacts")
    return 0 if read and not refused else 1


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("target", type=pathlib.Path)
    arguments.add_argument("--venv", type=pathlib.Path, default=ROOT / "target" / "check_artifacts_venv")
    arguments.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.inside:
        return read_all(given.target)
    python = ensure_package(given.venv.resolve())
    return subprocess.run([python, __file__, str(given.target), "--inside"]).returncode


if __name__ == "__main__":
    sys.exit(main())
