"""The command line: `responder run`, `routes` and `check`. Every command takes the same target, by default app.py.

Errors are one line on standard error; the exit code is 1, or 2 when the command itself is written wrongly.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import click

from ..errors import ResponderError
from . import loader, table
from .console import say
from .drain import leave
from .engines import ENGINES
from .server import serve

if TYPE_CHECKING:
    from .check import Checked
    from .loader import Application


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("responder"), prog_name="responder")
def main() -> None:
    """Run an API and look at it."""


@main.command()
@click.argument("target", default="app.py")
@click.option("--host", help="Address to listen on. Default: 127.0.0.1, or 0.0.0.0 with PORT in the environment.")
@click.option("--port", type=int, help="Port to listen on; 0 is any free one. Default: PORT, or 5042.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes that share the port.")
@click.option("--reload/--no-reload", help="Restart when a Python file or a template changes.")
@click.option("--debug", is_flag=True, default=None, help="Show failures in the responses.")
@click.option("--server", type=click.Choice(list(ENGINES)), default="granian", show_default=True, help="The server.")
@click.option("--grace", type=float, default=30.0, show_default=True, help="Seconds for open requests at the end.")
@click.option("--access-log", is_flag=True, help="Print a line for each request.")
def run(target: str, **options: Any) -> None:
    """Serve TARGET: app.py (the default), app.py:name, package.module or package.module:name."""
    serve(target, **options)
    leave()


@main.command()
@click.argument("target", default="app.py")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects.")
def routes(target: str, *, as_json: bool) -> None:
    """Print the routes of TARGET, by default app.py: method, path, view, place, name and options."""
    found = _load(target).routes
    say(table.render_json(found) if as_json else table.render(found))


@main.command()
@click.argument("target", default="app.py")
@click.option("--strict", is_flag=True, help="Exit with 1 for any finding, not only for what must be mended.")
@click.option("--ignore", multiple=True, metavar="TOPIC", help="Leave out what was answered, as csrf; may come again.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects.")
def check(target: str, *, strict: bool, ignore: tuple[str, ...], as_json: bool) -> None:
    """Print what a security review would ask about TARGET, by default app.py, and what mends it.

    The exit code is 1 when something must be mended.
    """
    from .check import check_api, render, render_json  # noqa: PLC0415 - for those who check

    findings = [one for one in check_api(cast("Checked", _load(target))) if one.topic not in ignore]
    say(render_json(findings) if as_json else render(findings))
    if any(strict or finding.grade == "must" for finding in findings):
        raise click.exceptions.Exit(1)


def _load(target: str) -> Application:
    try:
        return loader.load(target)
    except ResponderError as error:
        raise click.ClickException(str(error)) from error
