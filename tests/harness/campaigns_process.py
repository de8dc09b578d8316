"""A real `pushmill campaigns run` in a process of its own."""

from pathlib import Path

from tests.harness.worker_process import RUN, WorkerProcess, free_port, unset_environment

SECRET = "0123456789abcdef0123456789abcdef"


def campaigns_environment(database_url: str, **settings: str) -> dict[str, str]:
    """Return the environment of a service on loopback; settings are named without their prefix."""
    own = {
        "DATABASE_URL": database_url,
        "SECRET": SECRET,
        "ROLES": "api",
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
        "STATUS_HOST": "127.0.0.1",
        "STATUS_PORT": str(free_port()),
        **settings,
    }
    # Where nobody listens, unless a test says otherwise.
    kafka = {"PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    return unset_environment() | kafka | {f"PUSHMILL_CAMPAIGNS_{name}": text for name, text in own.items()}


class CampaignsProcess(WorkerProcess):
    """One service; its output goes to the file `log`."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        super().__init__(environment, log)
        self._program = (*RUN, "campaigns")

    @property
    def url(self) -> str:
        """Of the status port."""
        return f"http://127.0.0.1:{self.environment['PUSHMILL_CAMPAIGNS_STATUS_PORT']}"

    @property
    def api(self) -> str:
        """Of the API."""
        return f"http://127.0.0.1:{self.environment['PUSHMILL_CAMPAIGNS_PORT']}"
