"""`pushmill campaigns`: puts its commands together; the worker's command line finds it by its entry point."""

import typer

from campaigns.commands import (
    control,
    credentials,
    doctor,
    keys,
    migrate,
    recover,
    run,
    segments,
    send,
    sites,
    stats,
    subscribers,
    templates,
)

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def _campaigns() -> None:
    """The campaign service: who gets what, when, and what came of it."""


app.command("run")(run.run)
app.command("migrate")(migrate.migrate)
app.command("recover")(recover.recover)
app.command("send")(send.send)
app.command("stats")(stats.stats)
app.command("pause")(control.pause)
app.command("resume")(control.resume)
app.command("cancel")(control.cancel)
app.command("doctor")(doctor.doctor)
app.add_typer(sites.app, name="sites")
app.add_typer(credentials.app, name="credentials")
app.add_typer(keys.app, name="keys")
app.add_typer(segments.app, name="segments")
app.add_typer(templates.app, name="templates")
app.add_typer(subscribers.app, name="subscribers")
