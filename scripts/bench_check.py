#!/usr/bin/env python3
"""Times `parse`, `compile` and `check` (cold, then warm) of a project in CPU and wall seconds.

    python3 scripts/bench_check.py PROJECT_DIR [--bin target/release/transform] [--select SELECTION]

What `check` costs beyond `compile` is binding (cold) or looking up what binding said before (warm). CPU seconds are
the figures to compare: wall time depends on what else the machine does.
"""
import argparse
import os
import pathlib
import resource
import subprocess
import time

ap = argparse.ArgumentParser()
ap.add_argument("project")
ap.add_argument("--bin", default="target/release/transform")
ap.add_argument("--select", default=None)
args = ap.parse_args()

program = str(pathlib.Path(args.bin).resolve())


def timed(name, *words):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [program, *words, "--quiet"] + (["--select", args.select] if args.select and words[0] != "parse" else [])
    done = subprocess.run(command, cwd=args.project, stdout=subprocess.DEVNULL, env={**os.environ})
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:<12} {cpu:8.2f} s CPU {wall:8.2f} s wall   exit {done.returncode}")


for cache in pathlib.Path(args.project).glob("**/checked.cache"):
    cache.unlink()
timed("parse", "parse")
timed("compile", "compile")
timed("check, cold", "check")
timed("check, warm", "check")
