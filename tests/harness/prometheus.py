"""A real Prometheus on a free port, with the project's rules, scraping one status port every second."""

import asyncio
import json
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tests.harness.waiting import until_seen
from tests.harness.worker_process import free_port, get
from tests.k8s.support import RULES, binary

LABELS = {"namespace": "test", "pod": "pushmill-0"}
"""The labels that Kubernetes would add to every series."""


class Prometheus:
    """Runs until its `async with` block ends.

    Args:
        folder: Where it keeps its files.
        target: The status port, `host:port`.
        rules: The file of rules that it evaluates.
        job: What it calls the target.
    """

    def __init__(self, folder: Path, target: str, rules: Path = RULES, job: str = "pushmill") -> None:
        self._binary = binary("prometheus")
        self._folder = folder
        self._target = target
        self._rules = rules
        self._job = job
        self._url = f"127.0.0.1:{free_port()}"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        rules = yaml.safe_load(self._rules.read_text())
        for group in rules["groups"]:
            group["interval"] = "1s"  # recorded series must not be older than scraped ones
        (self._folder / "rules.yaml").write_text(yaml.safe_dump(rules))
        (self._folder / "prometheus.yaml").write_text(yaml.safe_dump(self._configuration()))
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._binary,
                f"--config.file={self._folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={self._folder / 'tsdb'}",
                f"--web.listen-address={self._url}",
                "--log.level=warn",
                stdout=log,
                stderr=log,
            )
        await until_seen(self._answers, f"Prometheus is ready; see {log.name}", 30)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an expression now; fail if it does not parse."""
        answer = self._get("/api/v1/query?" + urlencode({"query": expression}))
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule, with its health."""
        return [rule for group in self._get("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]

    def _get(self, path: str) -> Any:
        try:
            with urlopen(f"http://{self._url}{path}", timeout=10) as answer:
                return json.load(answer)
        except HTTPError as error:
            with error:
                return json.load(error)

    def _answers(self) -> bool:
        return get(f"http://{self._url}/-/ready")[0] == 200

    def _configuration(self) -> dict[str, Any]:
        target = {"targets": [self._target], "labels": LABELS}
        return {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": self._job, "static_configs": [target]}],
        }
