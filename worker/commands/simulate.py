"""`pushmill simulate`: the command line of the simulated push services."""

import asyncio
import contextlib
import ipaddress
import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from crypto import base64url
from crypto.keys import load_point
from worker.commands import FAILED, MISUSED, complain, end, require_packages, run_async
from worker.simulator.serve import HELP, PortError, SimulateOptions
from worker.simulator.serve import simulate as serve

_PORT_MAX = 65_535
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Kept(StrEnum):
    """`Keep` as a choice on the command line."""

    ALL = "all"
    DIGEST = "digest"
    NONE = "none"


def simulate(
    *,
    profile: Annotated[list[str] | None, typer.Option(help=HELP["profiles"], show_default="fcm")] = None,
    host: Annotated[str, typer.Option(help=HELP["host"])] = "localhost",
    advertise: Annotated[str, typer.Option(help=HELP["advertise"])] = "",
    port: Annotated[int, typer.Option(help=HELP["port"], min=0, max=_PORT_MAX)] = 0,
    folder: Annotated[Path, typer.Option(help=HELP["folder"])] = Path("simulate"),
    subscriptions: Annotated[int, typer.Option(help=HELP["subscriptions"], min=0)] = 100,
    vapid_public_key: Annotated[str, typer.Option(help=HELP["vapid_public_key"])] = "",
    latency: Annotated[float, typer.Option(help=HELP["latency"], min=0)] = 0.0,
    jitter: Annotated[float, typer.Option(help=HELP["jitter"], min=0)] = 0.0,
    fault: Annotated[list[str] | None, typer.Option(help=HELP["fault"])] = None,
    seed: Annotated[int, typer.Option(help=HELP["seed"])] = 0,
    keep: Annotated[Kept, typer.Option(help=HELP["keep"])] = Kept.DIGEST,
    decrypt_every: Annotated[int, typer.Option(help=HELP["decrypt_every"], min=0)] = 1,
) -> None:
    """Run push services to test against: over TLS, they decrypt and check every push, and fail on demand.

    Prints the settings that lead a worker here. Ctrl-C stops it.
    """
    try:
        _check_public_key(vapid_public_key)
        _check_ports(port, profile or ())
        options = SimulateOptions(
            profiles=profile or ("fcm",),
            host=host,
            advertise=advertise,
            port=port,
            folder=folder,
            subscriptions=subscriptions,
            vapid_public_key=vapid_public_key.rstrip("="),
            latency=latency,
            jitter=jitter,
            fault=fault or (),
            seed=seed,
            keep=keep.value,
            decrypt_every=decrypt_every,
        )
    except ValueError as error:
        end(str(error), MISUSED)
    if not _is_loopback(host):
        complain(f"{host} is not a loopback address: anyone who can reach it can push here")
    _run(options)


def _run(options: SimulateOptions) -> None:
    require_packages("simulate", "demo", "trustme")
    try:
        run_async(_until_stopped(options))
    except UnicodeError:
        end("--host and --advertise must be host names or addresses", MISUSED)
    except PortError as error:
        end(f"cannot serve: {error}", FAILED)
    except OSError as error:
        end(f"cannot serve: {error.filename or options.folder}: {error.strerror or error}", FAILED)


async def _until_stopped(options: SimulateOptions) -> None:
    loop = asyncio.get_running_loop()
    serving = loop.create_task(serve(options))
    for number in _SIGNALS:
        loop.add_signal_handler(number, serving.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _check_public_key(text: str) -> None:
    try:
        if text:
            load_point(base64url.decode(text))
    except ValueError:
        raise ValueError("--vapid-public-key is not a public key; `pushmill keys show` prints it") from None


def _check_ports(port: int, profiles: list[str] | tuple[str, ...]) -> None:
    if port + len(profiles) - 1 > _PORT_MAX:
        raise ValueError(f"--port {port} leaves too few ports for {len(profiles)} services")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
