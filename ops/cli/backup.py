"""`wakeline backup` and `wakeline restore`: a copy of a deployment to keep, made while it runs, and its way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.confirm import confirm
from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import read, some_settings
from wakeline import process

if TYPE_CHECKING:
    from ops.backup.manifest import Manifest

KB = 1_000
FOLDER = click.Path(path_type=Path)
WHERE = "--embedded-port names its port"  # these commands know the embedded server only


@click.command(short_help="Copy a running deployment into FOLDER.")
@click.argument("folder", type=FOLDER)
@some_settings("data", "log", "archive", "embedded_port")
def backup(folder: Path, config: Path | None, **flags: Any) -> None:
    """Make a backup in FOLDER, which must be new or empty, while `wakeline up` goes on.

    It holds the log, profiles and numbers as they are at one moment, what waits in the spool, and the history where
    that is a folder of this machine; every event that was answered before that moment is in it. A cut backup is
    recognised by `wakeline restore`, and refused.

    Not in it: the daily salts, which are thrown away for good after two days and must not come back; wakeline.toml,
    which holds the sites' secrets, so keep a copy of it elsewhere; a history at a URL; a log on Kafka. Where Redis is
    one of your own, it is backed up by its own means, and this command refuses.

        wakeline backup /mnt/backups/wakeline-$(date +%F)
    """
    from ops.backup.making import make

    process.set_up()
    read_config = read(config, flags, else_demo=True)
    with redis_errors(read_config.settings.redis, WHERE), _words(), _kilobytes("backup") as (_, done):
        manifest = make(read_config, folder, done=done)
    size = sum(file.size for file in manifest.files.values())
    click.echo(
        f"{folder} holds {len(manifest.files)} files, {size / 1e6:,.1f} MB, of {sum(manifest.places):,} records applied"
    )
    for words in _left_out(manifest):
        click.echo(words)


@click.command(short_help="Put a backup in the place of a stopped deployment's data.")
@click.argument("folder", type=FOLDER)
@click.option("--yes", is_flag=True, help="Do not ask; needed where no terminal is.")
@click.option(
    "--forgotten-in",
    multiple=True,
    metavar="PLACE",
    help="A history of another log, a folder or a URL: who was forgotten there is forgotten here. May be repeated.",
)
@some_settings("data", "log", "archive", "embedded_port")
def restore(folder: Path, yes: bool, forgotten_in: tuple[str, ...], config: Path | None, **flags: Any) -> None:
    """Put the backup in FOLDER in the place of the data, while `wakeline up` does not run.

    The whole backup is checked before anything is changed. What is there now moves to aside/ in the data folder, and
    nothing is deleted. Cut at any moment, by Ctrl-C or worse, the same command begins anew or ends what was cut, and
    `wakeline up` refuses to start in between.

    Who was erased, or withdrew, after the backup stays forgotten: it is read from the history and from the data that
    are there now. Files of the history that are newer than the backup move to aside/ in it. The restored log is
    another one from there on, so that nobody takes its new records for the former ones.

    A history of another log, which the backup does not know, is refused: name another folder by --archive, and that
    history by --forgotten-in, else those whom only it names as forgotten come back.
    """
    from ops.backup.manifest import read as read_manifest
    from ops.backup.restoring import restore as put_back
    from ops.up.guard import CannotStart

    process.set_up()
    read_config = read(config, flags, else_demo=True)
    data = read_config.settings.data
    try:
        with redis_errors(read_config.settings.redis, WHERE), _words():
            manifest = read_manifest(folder)
            confirm(f"Put the backup of {manifest.made} in the place of what is in {data}?", yes=yes, for_good=True)
            with _kilobytes("check and restore") as (ahead, done):
                ahead(sum(file.size for file in manifest.files.values()))
                found = put_back(
                    read_config,
                    folder,
                    forgotten_in=forgotten_in,
                    say=lambda words: click.echo(words, err=True),
                    done=done,
                )
    except CannotStart as why:
        raise Refused(str(why), FAILED) from None
    if found.was_cut:
        click.echo("a restore that was cut is ended now")
    click.echo(f"the backup of {manifest.made} is in {data}: `wakeline up` goes on from it")
    if found.forgotten:
        click.echo(f"forgotten again: {found.forgotten} erasures and withdrawals that came after the backup")
    if found.moved:
        click.echo(f"{found.moved} newer files of the history moved to aside/ in it")
    if found.aside or found.moved:
        click.echo("what moved aside also holds those who were erased: delete it once you know that all is well")


def _left_out(manifest: Manifest) -> Iterator[str]:
    yield "not in it: wakeline.toml, which holds the sites' secrets (keep it elsewhere), and the daily salts"
    if manifest.log == "kafka":
        yield "not in it: the log, which is on Kafka; a restore goes on from it where the profiles of the backup stand"
    if manifest.history not in ("copied", "off"):
        yield f"not in it: the history, which is at {manifest.history}"


@contextmanager
def _words() -> Iterator[None]:
    from ops.backup.manifest import BackupRefused
    from wakeline.history import HistoryDamaged

    try:
        yield
    except (BackupRefused, HistoryDamaged) as error:
        raise Refused(str(error), FAILED) from None
    except KeyboardInterrupt:
        raise Refused("cut; begin it anew", FAILED) from None
    except OSError as error:
        raise Refused(f"{error}: is there room, and may this user read and write there?", FAILED) from None


@contextmanager
def _kilobytes(what: str) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """A progress bar that is told bytes."""
    from ops.cli.progress import progress_bar

    with progress_bar(what, "kB") as (ahead, done):
        left = 0

        def more(size: int) -> None:
            nonlocal left
            left += size
            done(left // KB)
            left %= KB

        yield lambda size: ahead(size // KB), more
