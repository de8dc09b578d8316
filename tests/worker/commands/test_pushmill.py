"""Whatever a command raises becomes one line on standard error and a status."""

import pytest

from worker.commands import pushmill as cli
from worker.config import ConfigError
from worker.edges.agreement.choice import AgreementError
from worker.edges.kafka.client import KafkaUnreachableError
from worker.edges.kafka.metadata import TopicsNotReadyError
from worker.edges.kafka.topics import MissingTopicsError
from worker.edges.process.status import StatusPortError


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ConfigError(("PUSHMILL_X is wrong",)), 2, "pushmill: invalid configuration:"),
        (AgreementError("the library is missing"), 2, "pushmill: the library is missing"),
        (KafkaUnreachableError("cannot use Kafka"), 1, "pushmill: cannot use Kafka"),
        (MissingTopicsError("topics are missing"), 1, "pushmill: topics are missing"),
        (TopicsNotReadyError("the topics cannot be used"), 1, "pushmill: the topics cannot be used"),
        (StatusPortError("port 9400 is taken"), 1, "pushmill: port 9400 is taken"),
        (KeyboardInterrupt(), 130, "pushmill: interrupted"),
    ],
)
def test_an_error_becomes_a_line_and_a_status(monkeypatch, capsys, error, status, line):
    def fail():
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (status, "")
    assert said.err.splitlines()[0] == line


def test_a_mistake_of_our_own_is_not_hidden(monkeypatch):
    monkeypatch.setattr(cli, "app", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()
