"""`wakeline backup` and `wakeline restore`: back up a running deployment, and restore it."""

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
WHERE = "--embedded-port sets its port"  # these commands only support the embedded server


@click.command(short_help="Copy a running deployment into FOLDER.")
@click.argument("folder", type=FOLDER)
@click.option("--no-cards", is_flag=True, help="Leave out the cards, which hold customers' personal values.")
@some_settings("data", "log", "archive", "embedded_port")
def backup(folder: Path, no_cards: bool, config: Path | None, **flags: Any) -> None:
    """Make a backup in FOLDER, which must be new or empty, while `wakeline up` is running.

    It contains the log, profiles and numbers at one moment, the spool at that moment, and the history if it is in a
    local folder; every event acknowledged before that moment is in it. `wakeline restore` detects and rejects an
    incomplete backup.

    Customers' cards are in a file of their own, cards.jsonl, encrypted: delete it after 30 days, so that who was erased
    leaves your backups. Each backup deletes it in older ones beside it.

    It does not contain: the key of the cards, so keep a separate copy; the daily salts, which are destroyed after two
    days and must not return; wakeline.toml, which contains the sites' secrets, so keep a separate copy; a history at
    a URL; a log on Kafka. Back up your own Redis with its own tools; this command then refuses to run.

        wakeline backup /mnt/backups/wakeline-$(date +%F)
    """
    from ops.backup.cards import DAYS, forget_old
    from ops.backup.making import make

    process.set_up()
    read_config = read(config, flags, else_demo=True)
    with redis_errors(read_config.settings.redis, WHERE), _words(), _kilobytes("backup") as (_, done):
        manifest = make(read_config, folder, with_cards=not no_cards, done=done)
        old = forget_old(folder)
    size = sum(file.size for file in manifest.files.values())
    click.echo(
        f"{folder} holds {len(manifest.files)} files, {size / 1e6:,.1f} MB, of {sum(manifest.places):,} records applied"
    )
    for words in _left_out(manifest):
        click.echo(words)
    for place in old:
        click.echo(f"deleted: the cards in {place}, which are older than {DAYS} days")


@click.command(short_help="Replace a stopped deployment's data with a backup.")
@click.argument("folder", type=FOLDER)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal.")
@click.option(
    "--forgotten-in",
    multiple=True,
    metavar="PLACE",
    help="A history of another log (folder or URL), whose erasures are applied too. May be repeated.",
)
@some_settings("data", "log", "archive", "embedded_port")
def restore(folder: Path, yes: bool, forgotten_in: tuple[str, ...], config: Path | None, **flags: Any) -> None:
    """Replace the data with the backup in FOLDER, while `wakeline up` is not running.

    The whole backup is checked before anything is changed. Current data move to aside/ in the data folder; nothing is
    deleted. If it is interrupted, by Ctrl-C or a crash, run the same command again to start over or complete it; until
    then `wakeline up` refuses to start.

    People who were erased or withdrew after the backup stay erased: this is read from the history and the current data.
    History files newer than the backup move to aside/ in the history. The restored log gets a new identity, so that its
    new records are not mistaken for earlier ones.

    A history of another log, unrelated to the backup, is rejected: name another folder with --archive, and that history
    with --forgotten-in; otherwise people whose erasure is only recorded there come back.
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
            confirm(f"Replace the data in {data} with the backup of {manifest.made}?", yes=yes, for_good=True)
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
        click.echo("an interrupted restore was completed")
    click.echo(f"the backup of {manifest.made} is in {data}: start `wakeline up`")
    if found.forgotten:
        click.echo(f"applied again: {found.forgotten} erasures and withdrawals made after the backup")
    if found.moved:
        click.echo(f"{found.moved} newer files of the history moved to aside/")
    if found.aside or found.moved:
        click.echo("the data in aside/ still contain erased people: delete them once you know that the restore is good")


def _left_out(manifest: Manifest) -> Iterator[str]:
    from ops.backup.manifest import CARDS

    yield "not included: wakeline.toml, which contains the sites' secrets (keep a copy), and the daily salts"
    if CARDS in manifest.files:
        yield f"not included: the key of {CARDS}, without which nobody can read it (keep a copy, elsewhere)"
    if manifest.log == "kafka":
        yield "not included: the log, which is on Kafka; after a restore the processor continues where the backup ends"
    if manifest.history not in ("copied", "off"):
        yield f"not included: the history, which is at {manifest.history}"


@contextmanager
def _words() -> Iterator[None]:
    from ops.backup.manifest import BackupRefused
    from wakeline.history import HistoryDamaged

    try:
        yield
    except (BackupRefused, HistoryDamaged) as error:
        raise Refused(str(error), FAILED) from None
    except KeyboardInterrupt:
        raise Refused("interrupted; start it again", FAILED) from None
    except OSError as error:
        raise Refused(f"{error}: is there enough space, and can this user read and write there?", FAILED) from None


@contextmanager
def _kilobytes(what: str) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """A progress bar in bytes."""
    from ops.cli.progress import progress_bar

    with progress_bar(what, "kB") as (ahead, done):
        left = 0

        def more(size: int) -> None:
            nonlocal left
            left += size
            done(left // KB)
            left %= KB

        yield lambda size: ahead(size // KB), more
