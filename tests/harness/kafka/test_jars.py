import re
import subprocess

import pytest

from tests.harness.kafka import jars
from tests.harness.kafka.jars import VARIABLE, VERSIONS, JarsError, chosen, fetched, pinned


def test_each_version_is_a_release_of_its_line():
    assert len(VERSIONS) == 2
    for version, release in pinned().items():
        assert re.fullmatch(re.escape(version) + r"(\.\d+)+", release)


def test_the_newest_is_chosen_unless_another_is_named(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert chosen() == VERSIONS[-1]
    monkeypatch.setenv(VARIABLE, VERSIONS[0])
    assert chosen() == VERSIONS[0]
    monkeypatch.setenv(VARIABLE, "0.8")
    with pytest.raises(JarsError, match=f"^{VARIABLE} is '0.8', which is none of 3.9, 4$"):
        chosen()


class Maven:
    """Stands in for the program: puts one jar where the POM says, or fails."""

    def __init__(self, build):
        self.build = build
        self.status = 0
        self.commands = []

    def run(self, command, **_):
        self.commands.append(command)
        if self.status == 0:
            folder = self.build / pinned()[command[command.index("-P") + 1]]
            folder.mkdir()
            (folder / "kafka.jar").touch()
        return subprocess.CompletedProcess(command, self.status, "", "no route to host\n")


@pytest.fixture
def maven(tmp_path, monkeypatch):
    made = Maven(tmp_path)
    monkeypatch.setattr(jars, "BUILD", tmp_path)
    monkeypatch.setattr(jars.subprocess, "run", made.run)
    return made


def test_they_are_fetched_once(maven):
    first = fetched("3.9")
    assert (first / "kafka.jar").exists()
    assert fetched("3.9") == first
    assert len(maven.commands) == 1
    assert fetched("4") != first
    assert len(maven.commands) == 2


def test_they_are_fetched_again_when_the_pom_has_changed(maven, tmp_path, monkeypatch):
    folder = fetched("4")
    (folder / "old.jar").touch()
    pom = tmp_path / "pom.xml"
    pom.write_bytes(jars.POM.read_bytes())
    monkeypatch.setattr(jars, "POM", pom)
    fetched("4")
    assert len(maven.commands) == 2
    assert not (folder / "old.jar").exists()


def test_what_was_not_fetched_whole_does_not_count(maven):
    maven.status = 1
    with pytest.raises(JarsError, match=r"cannot fetch Apache Kafka 4: mvn .+ failed:\nno route to host"):
        fetched("4")
    maven.status = 0
    assert (fetched("4") / "kafka.jar").exists()
