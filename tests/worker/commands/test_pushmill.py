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
    def fail(**_):
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (status, "")
    assert said.err.splitlines()[0] == line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["campagns"], "No such command 'campagns'. Did you mean campaigns? See `pushmill --help`"),
        (["chekc"], "No such command 'chekc'. Did you mean check? See `pushmill --help`"),
        (["control", "stop"], "No such command 'stop'. See `pushmill control --help`"),
        (["control", "pause"], "Missing argument 'ID'. See `pushmill control pause --help`"),
        (
            ["topics", "create", "--partitions", "0"],
            "Invalid value for '--partitions': ",
        ),
        (["run", "--no"], "No such option: --no. See `pushmill run --help`"),
        (["campaigns", "sites", "ad"], "No such command 'ad'. Did you mean 'add'?"),
    ],
)
def test_a_wrong_word_is_one_line(monkeypatch, capsys, arguments, line):
    monkeypatch.setattr("sys.argv", ["pushmill", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    [told] = said.err.splitlines()
    assert told.startswith(f"pushmill: {line}")


def test_without_a_command_the_help_is_all(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["pushmill", "campaigns"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "Usage: pushmill campaigns" in said.out + said.err
    assert "pushmill: " not in said.err
    assert "--install-completion" not in said.out + said.err


def test_what_is_done_ends_with_status_0(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["pushmill", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("pushmill ")


def test_a_mistake_of_our_own_is_not_hidden(monkeypatch):
    monkeypatch.setattr(cli, "app", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()
