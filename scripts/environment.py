"""Environments with what a script needs: made on first use, and again when the list of packages has changed."""

import os
import pathlib
import subprocess
import sys
import venv


def enter(folder, packages):
    """Goes on with the interpreter of an environment that has the packages."""
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if pathlib.Path(sys.prefix).resolve() == folder.resolve():
        return
    if not stamp.exists() or stamp.read_text() != "\n".join(packages):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
        stamp.write_text("\n".join(packages))
    os.execv(python, [str(python), *sys.argv])
