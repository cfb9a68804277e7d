"""`python -m wakeline` and the command `wakeline`: runs the package `ops`."""

from __future__ import annotations

import sys

from wakeline.extras import install


def main() -> None:
    try:
        from ops.cli import main as command

        command(prog_name="wakeline")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("ops", "wakeline"):
            raise
        sys.exit(f"wakeline: this installation only reads profiles ({error.name} is missing): {install('server')}")


if __name__ == "__main__":
    main()
