"""`pushmill campaigns`: puts its commands together; the worker's command line finds it by its entry point."""

import typer

from campaigns.commands import migrate, run, subscribers

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _campaigns() -> None:
    """The campaign service: who gets what, when, and what came of it."""


app.command("run")(run.run)
app.command("migrate")(migrate.migrate)
app.add_typer(subscribers.app, name="subscribers")
