"""The command line: `plant-backend serve | backup | restore | export | replay | user | device | notify | …`."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError

from plant_backend import __version__
from plant_backend.domain.account import Principal
from plant_backend.domain.errors import PlantError
from plant_backend.services.people import as_principal
from plant_backend.services.registry import Services
from plant_backend.settings import Settings

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The backend of Plant Automation.")
user_app = typer.Typer(no_args_is_help=True, help="People who may sign in.")
notify_app = typer.Typer(no_args_is_help=True, help="Notifications of alerts.")
device_app = typer.Typer(no_args_is_help=True, help="Devices and their secrets.")
app.add_typer(user_app, name="user")
app.add_typer(device_app, name="device")
app.add_typer(notify_app, name="notify")


def fail(message: str, code: int = 1) -> NoReturn:
    """Say what is wrong in one line and end."""
    print(f"plant-backend: {message}", file=sys.stderr)
    raise SystemExit(code)


def load_settings(**given: Any) -> Settings:
    """Read the settings; what the command line gives wins."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            # Of several settings together; the text names them.
            fail(f"{first['msg'].removeprefix('Value error, ')}.", 2)
        name = "PLANT_" + "_".join(str(part) for part in first["loc"]).upper()
        # An address may hold a password.
        shown = "" if "TOKEN" in name or "URL" in name else f" (it is {first['input']!r})"
        fail(f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}{shown}.", 2)


def _version(value: bool) -> None:
    if value:
        print(__version__)
        raise typer.Exit


PasswordStdin = Annotated[bool, typer.Option(help="Read the password from standard input.")]
DataDir = Annotated[Path | None, typer.Option(help="Where the data lives [PLANT_DATA_DIR].")]


@app.callback()
def main_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The backend of Plant Automation."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [PLANT_HOST].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one [PLANT_PORT].")] = None,
    data_dir: DataDir = None,
    worker: Annotated[
        bool | None, typer.Option("--worker/--no-worker", help="Run the rules too [PLANT_WITH_WORKER].")
    ] = None,
) -> None:
    """Run the API and the worker."""
    from plant_backend import logs, server
    from plant_backend.storage.errors import DatabaseError

    settings = load_settings(host=host, port=port, data_dir=data_dir, with_worker=worker)
    logs.configure(settings.log_level, settings.log_format)
    try:
        listener = server.listen(settings.host, settings.port)
        ingress = None if settings.ingress_port is None else server.listen(settings.host, settings.ingress_port)
        server.run(settings, listener, ingress)
    except (server.PortInUse, DatabaseError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        pass


@app.command()
def worker(data_dir: DataDir = None) -> None:
    """Run the rules alone, beside servers that share a PostgreSQL database."""
    from plant_backend import logs, server
    from plant_backend.storage.errors import DatabaseError

    settings = load_settings(data_dir=data_dir)
    if not settings.database_url:
        fail("On SQLite the worker runs inside `plant-backend serve`; there is nothing to start.", 2)
    logs.configure(settings.log_level, settings.log_format)
    try:
        server.run_worker(settings)
    except DatabaseError as error:
        fail(str(error))


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to this version's schema. `serve` does it by itself."""
    from plant_backend.storage.errors import DatabaseError
    from plant_backend.storage.migrate import migrate as run_migrations
    from plant_backend.storage.migrate import migrate_postgres

    settings = load_settings(data_dir=data_dir)
    try:
        if settings.database_url:
            before, after = migrate_postgres(settings.database_url)
        else:
            before, after = run_migrations(settings.database_path)
    except DatabaseError as error:
        fail(str(error))
    where = "The database" if settings.database_url else settings.database_path
    print(f"{where}: {'made' if before is None else 'was at ' + before}, is at {after}.")


@app.command("copy")
def copy_database(
    source: Annotated[
        str | None, typer.Option("--from", help="The SQLite file: sqlite:///PATH [PLANT_DATA_DIR].")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", help="An empty PostgreSQL database: postgresql://… [PLANT_DATABASE_URL].")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Copy a SQLite installation into PostgreSQL, and compare. The server must not run. Cut short, run it again."""
    from plant_backend.storage.errors import DatabaseError

    settings = load_settings(data_dir=data_dir, database_url=target)
    path = settings.database_path if source is None else Path(source.removeprefix("sqlite:///"))
    if not settings.database_url:
        fail("Say where to: --to postgresql://USER:PASSWORD@HOST/NAME, or PLANT_DATABASE_URL.", 2)
    try:
        from plant_backend.storage.copying import copy, rows_in
    except ImportError:
        fail("PostgreSQL needs more packages: install plant-backend[postgres].")
    try:
        if not path.exists():
            fail(f"There is no database {path}.")
        with typer.progressbar(length=rows_in(path), label="Copying", width=40) as bar:

            def progress(table: str, rows: int) -> None:
                bar.label = f"Copying {table:<22}"
                bar.update(rows)

            counts = copy(path, settings.database_url, progress)
    except DatabaseError as error:
        fail(str(error))
    for table, rows in counts.items():
        print(f"{table}\t{rows}")
    print(
        f"{sum(counts.values())} rows, the same on both sides. Keep the keys beside {path}: the servers need them too."
    )


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Check the installation and say what is wrong with it."""
    from plant_backend.doctor import examine

    findings = examine(load_settings(data_dir=data_dir))
    for finding in findings:
        print(f"{'ok  ' if finding.is_fine else 'BAD '} {finding.what}: {finding.detail}")
    if not all(finding.is_fine for finding in findings):
        raise SystemExit(1)


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The file to make.")], data_dir: DataDir = None) -> None:
    """Write the whole database into one file. The server may run meanwhile."""
    from plant_backend.storage.backup import backup as make_backup
    from plant_backend.storage.errors import DatabaseError

    settings = load_settings(data_dir=data_dir)
    _only_on_sqlite(settings, "pg_dump --format=custom")
    try:
        size = make_backup(settings.database_path, file)
    except DatabaseError as error:
        fail(str(error))
    print(f"{file}: {size / 1e6:.1f} MB. It holds digests of passwords and secrets: keep it as you keep those.")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="A file that `backup` made.")], data_dir: DataDir = None) -> None:
    """Put a backup in the place of the database. The server must not run."""
    from plant_backend.storage.backup import restore as put_back
    from plant_backend.storage.errors import DatabaseError

    settings = load_settings(data_dir=data_dir)
    _only_on_sqlite(settings, "pg_restore --clean")
    try:
        restored = put_back(file, settings.database_path)
    except DatabaseError as error:
        fail(str(error))
    print(f"{settings.database_path}: restored from {file}, was at {restored.before}, is at {restored.after}.")
    if restored.kept is not None:
        print(f"The database that was there is kept as {restored.kept}.")


@app.command()
def export(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")], data_dir: DataDir = None) -> None:
    """Write readings, decisions, commands and alerts of all devices as CSV and NDJSON. The server may run meanwhile."""
    from plant_backend.archive import FolderNotEmpty, write_archive

    async def work(services: Services) -> int:
        return await write_archive(services.history.storage, services.history, folder)

    try:
        devices = _with_services(load_settings(data_dir=data_dir), work)
    except (FolderNotEmpty, OSError) as error:
        fail(str(error))
    print(f"{folder}: {devices} {'device' if devices == 1 else 'devices'}.")


@app.command()
def replay(
    device: Annotated[str | None, typer.Option(help="Only the device with this id.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many, the newest.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Decide again what was decided, from the inputs in the ledger, and report what comes out different."""

    async def work(services: Services) -> tuple[int, int]:
        count = different = 0
        async for replayed in services.replay.all(device, limit):
            count += 1
            if replayed.difference is not None:
                different += 1
                print(f"decision {replayed.decision_id} of {replayed.device_id}: {replayed.difference}")
        return count, different

    count, different = _with_services(load_settings(data_dir=data_dir), work)
    print(f"{count} decided again, {different} different.")
    if different:
        raise SystemExit(1)


@app.command("rotate-key")
def rotate_key(data_dir: DataDir = None) -> None:
    """Make a new signing key for the nodes' access tokens. It holds from the server's next start on."""
    from plant_backend.services.tokens import LIFETIME_S
    from plant_backend.storage import signing_key
    from plant_backend.storage.errors import DatabaseError

    try:
        signing_key.rotate(load_settings(data_dir=data_dir).signing_key_path, LIFETIME_S)
    except DatabaseError as error:
        fail(str(error))
    print(f"Made a new key. Restart the server; tokens of the old key hold for {LIFETIME_S // 60} minutes more.")


@user_app.command("add")
def add_user(
    username: str,
    viewer_of: Annotated[str | None, typer.Option(help="The owner whose devices it may look at.")] = None,
    password_stdin: PasswordStdin = False,
    data_dir: DataDir = None,
) -> None:
    """Make an account. It owns devices of its own, or with --viewer-of looks at those of another one."""
    password = _password(password_stdin)

    async def work(services: Services) -> None:
        owner = None if viewer_of is None else await _user(services, viewer_of)
        await services.accounts.add(username, password, owner)

    _with_services(load_settings(data_dir=data_dir), work)
    print(f"Made the account {username}.")


@user_app.command("password")
def set_password(username: str, password_stdin: PasswordStdin = False, data_dir: DataDir = None) -> None:
    """Give an account a new password. Its sessions and tokens end."""
    password = _password(password_stdin)
    _with_services(
        load_settings(data_dir=data_dir), lambda services: services.accounts.set_password(username, password)
    )
    print(f"The account {username} has a new password; its sessions and tokens have ended.")


@user_app.command("delete")
def delete_user(
    username: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete an account with its devices, their history and its viewers. The server has to be stopped."""
    if not yes:
        typer.confirm(f"Delete {username} with all devices and their history?", abort=True)
    # A running server has the devices in its memory: it would go on taking what their nodes send.
    settings = load_settings(data_dir=data_dir)
    _with_services(settings, lambda services: services.accounts.delete(username), is_guest=False)
    print(f"Deleted the account {username}.")


@user_app.command("list")
def list_users(data_dir: DataDir = None) -> None:
    """List the accounts."""
    for user in _with_services(load_settings(data_dir=data_dir), lambda services: services.accounts.all()):
        print(f"{user.username}\t{user.role}\t{user.created_at:%Y-%m-%d}")


@user_app.command("token")
def make_token(username: str, name: str, data_dir: DataDir = None) -> None:
    """Make an API token for an account and print it, this once."""

    async def work(services: Services) -> str:
        user = await _user(services, username)
        return (await services.people.add_token(user, name))[1]

    print(_with_services(load_settings(data_dir=data_dir), work))


@app.command("home-assistant-token")
def home_assistant_token(
    file: Annotated[Path, typer.Argument(help="Where the token is kept, for its owner's eyes alone.")],
    data_dir: DataDir = None,
) -> None:
    """See to it that FILE holds a token for Home Assistant, which looks after plants alone; print the instance's id.

    One that still opens stays. One that was revoked is replaced.
    """
    from plant_backend.domain.account import Scope
    from plant_backend.domain.errors import InvalidCredentials
    from plant_backend.storage import key_file

    async def work(services: Services) -> str:
        try:
            await services.people.principal(file.read_text().strip() if file.exists() else "")
        except InvalidCredentials:
            owner = as_principal(await services.home_users.ensure_owner(), "command line")
            _, token = await services.people.add_token(owner, "Home Assistant (app)", Scope.PLANTS)
            key_file.replace(file, token)
        return services.instance_id

    print(_with_services(load_settings(data_dir=data_dir), work))


@device_app.command("add")
def add_device(username: str, name: str, data_dir: DataDir = None) -> None:
    """Make a device for an account and print its id and secret, this once."""

    async def work(services: Services) -> tuple[str, str]:
        device, secret = await services.devices.add(await _user(services, username), name)
        return device.id, secret

    device_id, secret = _with_services(load_settings(data_dir=data_dir), work)
    print(f"PLANT_DEVICE_ID={device_id}\nPLANT_DEVICE_SECRET={secret}")


@device_app.command("list")
def list_devices(username: str, data_dir: DataDir = None) -> None:
    """List the devices of an account."""

    async def work(services: Services) -> list[tuple[str, str]]:
        who = await _user(services, username)
        return [(status.device.id, status.device.name) for status in await services.devices.all(who)]

    for device_id, name in _with_services(load_settings(data_dir=data_dir), work):
        print(f"{device_id}\t{name}")


@notify_app.callback()
def notify_options() -> None:
    """Notifications of alerts."""


@notify_app.command("test")
def try_targets(
    username: str,
    target: Annotated[int | None, typer.Option(help="Only the target with this id.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Send a test message to the targets of an account, and say what came of each."""

    async def work(services: Services) -> list[tuple[str, str | None]]:
        who, notifications = await _user(services, username), services.notifications
        targets = await notifications.all(who) if target is None else [await notifications.get(who, target)]
        return [
            (f"{one.id} {one.settings.name} ({one.address})", (await notifications.test(who, one.id)).reason)
            for one in targets
        ]

    outcomes = _with_services(load_settings(data_dir=data_dir), work)
    for name, reason in outcomes:
        print(f"{name}: {'sent' if reason is None else reason}")
    if not outcomes:
        fail(f"{username} has no targets. Make one with POST /notifications/targets.")
    if any(reason is not None for _, reason in outcomes):
        raise SystemExit(1)


@app.command()
def demo(
    speed: Annotated[
        float | None,
        typer.Option(min=1, max=1440, help="How much faster the plants' time passes: 1440 is a day a minute."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Watch one day, report, and exit 0 or 1.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; by default 8000, or a free one.")] = 0,
) -> None:
    """Show a backend and two simulated nodes at work."""
    from plant_backend.demo.run import run_demo

    raise SystemExit(run_demo(speed=speed, check=check, host=host, port=port))


def _only_on_sqlite(settings: Settings, instead: str) -> None:
    if settings.database_url:
        fail(f"This is for the SQLite file. With PLANT_DATABASE_URL use PostgreSQL's own: {instead}.", 2)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


async def _user(services: Services, username: str) -> Principal:
    for user in await services.accounts.all():
        if user.username == username:
            return as_principal(user, "command line")
    fail(f"There is no account {username}. Make it with: plant-backend user add {username}")


def _with_services(settings: Settings, work: Callable[[Services], Awaitable[T]], *, is_guest: bool = True) -> T:
    from plant_backend import logs
    from plant_backend.app import running
    from plant_backend.storage.errors import DatabaseError

    logs.configure("warning", settings.log_format)

    async def run() -> T:
        async with running(settings, with_worker=False, is_guest=is_guest) as services:
            return await work(services)

    try:
        return asyncio.run(run())
    except (PlantError, DatabaseError) as error:
        fail(str(error))


def main() -> None:
    """Run the command line."""
    app()
