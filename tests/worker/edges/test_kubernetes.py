"""The step before a pod is stopped, against a Kubernetes API of the tests' own, with TLS and a token."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.waiting import GENEROUS
from tests.worker.edges.kubernetes_api import TOKEN, Api, stateful_set
from worker.edges import kubernetes
from worker.edges.kubernetes import UnclearError, goes_for_good, main, write_leave_file
from worker.simulator.certificates import Certificates

ROOT = Path(__file__).parents[3]
POD = "pushmill-2"
PATH = "/apis/apps/v1/namespaces/push/statefulsets/pushmill"


@pytest.fixture(autouse=True)
def patient(monkeypatch) -> None:
    """No test hits the limit on a busy machine; those about it have their own."""
    monkeypatch.setattr(kubernetes, "LIMIT", GENEROUS)


@pytest.fixture
def api() -> Iterator[Api]:
    running = Api()
    yield running
    running.close()


@pytest.fixture
def folder(api: Api, tmp_path: Path) -> Path:
    """The projected volume."""
    made = tmp_path / "pod"
    (api.certificates.write(made)).rename(made / "ca.crt")
    for name, text in {"token": TOKEN + "\n", "namespace": "push", "name": POD}.items():
        (made / name).write_text(text)
    return made


@pytest.fixture
def environ(api: Api, tmp_path: Path) -> dict[str, str]:
    return {
        "PUSHMILL_LEAVE_FILE": str(tmp_path / "leave"),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(api.port),
    }


@pytest.fixture
def written(environ: dict[str, str], folder: Path) -> Callable[[], bool]:
    """Take the step where an earlier stop has left a file; return whether there is one afterwards."""

    def written() -> bool:
        leave_file = Path(environ["PUSHMILL_LEAVE_FILE"])
        leave_file.touch()
        try:
            write_leave_file(environ, folder)
        except UnclearError:
            assert not leave_file.exists()
            raise
        return leave_file.exists()

    return written


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("replicas", "goes"), [(0, True), (1, True), (2, True), (3, False), (4, False), (12, False)]
)
def test_the_file_is_written_where_the_ordinal_is_not_below_the_replicas(api, written, replicas, goes):
    api.body = stateful_set(replicas)
    assert written() is goes
    assert api.asked == [(PATH, f"Bearer {TOKEN}")]


@pytest.mark.parametrize(("start", "goes"), [(0, False), (1, False), (2, False), (3, True)])
def test_ordinals_may_begin_elsewhere(api, written, start, goes):
    api.body = stateful_set(3, ordinals={"start": start})
    assert written() is goes


def test_names_may_have_numbers_and_dashes(api, folder, written):
    (folder / "name").write_text("push-2-mill-11")
    api.body = stateful_set(11)
    assert written()
    assert api.asked[0][0].endswith("/statefulsets/push-2-mill")


@pytest.mark.parametrize("status", [302, 401, 403, 404, 429, 500, 503])
def test_whatever_is_not_200_is_no_answer(api, written, status):
    api.status, api.body = status, stateful_set(0)
    with pytest.raises(UnclearError, match=f"answered {status} to GET {PATH}"):
        written()
    assert len(api.asked) == 1  # a redirect would take the token along


def test_a_token_that_is_not_known_is_no_answer(folder, written):
    (folder / "token").write_text("another")
    with pytest.raises(UnclearError, match="401"):
        written()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"{}", b'{"spec": null}', b'{"spec": []}', b'{"spec": {}}', b"\xff"),
        *(stateful_set(value) for value in (None, "0", True, 0.0, [])),
        *(stateful_set(0, ordinals=value) for value in ({"start": "0"}, {"start": None}, [1])),
        b"[" * 100_000,
        b'{"spec": {"replicas": 0}' + b" " * (5 << 20) + b"}",
    ],
)
def test_garbage_is_no_answer(api, written, body):
    api.body = body
    with pytest.raises(UnclearError):
        written()


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["spec", "ordinals", "start", "replicas"]), inner)
    ),
)


@given(json_like)
def test_anything_that_can_be_decoded_is_decided_or_unclear(answer: Any):
    with suppress(UnclearError):
        assert isinstance(goes_for_good(2, answer), bool)


@given(ordinal=st.integers(0, 40), replicas=st.integers(0, 40), start=st.integers(0, 40))
def test_a_pod_stays_exactly_if_a_new_one_would_get_its_number(ordinal: int, replicas: int, start: int):
    numbers = [start + number for number in range(replicas)]
    answer = {"spec": {"replicas": replicas, "ordinals": {"start": start}}}
    assert goes_for_good(ordinal, answer) is (ordinal not in numbers)
    if not start:
        assert goes_for_good(ordinal, {"spec": {"replicas": replicas}}) is (ordinal >= replicas)


# ── no answer ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def impatient(monkeypatch) -> float:
    monkeypatch.setattr(kubernetes, "LIMIT", 0.3)
    return 0.3


def test_an_api_that_says_nothing_is_not_waited_for(api, written, impatient):
    api.silent = True
    began = time.monotonic()
    with pytest.raises(UnclearError, match="did not answer within"):
        written()
    assert impatient <= time.monotonic() - began < GENEROUS


def test_an_api_that_says_little_at_a_time_is_not_waited_for(api, written, impatient):
    api.drip_seconds = impatient / 3  # below every time-out of a socket
    api.body = stateful_set(0)
    with pytest.raises(UnclearError, match="did not answer within"):
        written()


def test_a_server_that_does_not_begin_tls_is_not_waited_for(environ, written, impatient):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        environ["KUBERNETES_SERVICE_PORT"] = str(mute.getsockname()[1])
        with pytest.raises(UnclearError, match="did not answer within"):
            written()


def test_nobody_there_is_no_answer(environ, written):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        environ["KUBERNETES_SERVICE_PORT"] = str(gone.getsockname()[1])
    with pytest.raises(UnclearError, match="connection to Kubernetes: Connection refused"):
        written()


def test_the_token_is_for_nobody_but_the_clusters_api(api, folder, written):
    Certificates("127.0.0.1").write(folder).rename(folder / "ca.crt")
    with pytest.raises(UnclearError, match="CERTIFICATE_VERIFY_FAILED"):
        written()
    assert not api.asked


def test_a_certificate_for_another_name_is_not_trusted(api, environ, written):
    environ["KUBERNETES_SERVICE_HOST"] = "localhost"
    with pytest.raises(UnclearError, match="localhost"):
        written()
    assert not api.asked


@pytest.mark.parametrize("status", [200, 500])
def test_no_alarm_is_left_behind(api, written, status):
    before, api.status = signal.getsignal(signal.SIGALRM), status
    with suppress(UnclearError):
        written()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


# ── what is missing ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["token", "ca.crt", "namespace", "name"])
def test_a_volume_that_lacks_something_is_said(folder, written, name):
    (folder / name).unlink()
    with pytest.raises(UnclearError, match="No such file or directory"):
        written()


@pytest.mark.parametrize("name", ["pushmill", "pushmill-", "pushmill-tools-6f9c-x2x", ""])
def test_a_pod_of_something_else_is_said(folder, written, name):
    (folder / "name").write_text(name)
    with pytest.raises(UnclearError, match="not the name of a StatefulSet's pod"):
        written()


@pytest.mark.parametrize("token", ["a\nb: c", "ä", "☃"])
def test_a_token_that_cannot_be_sent_is_not_shown(folder, written, token):
    (folder / "token").write_text(token)
    with pytest.raises(UnclearError) as caught:
        written()
    assert token not in str(caught.value)


def test_a_file_that_cannot_be_written_is_said(api, environ, folder, tmp_path):
    api.body = stateful_set(0)
    environ["PUSHMILL_LEAVE_FILE"] = str(tmp_path / "missing" / "leave")
    with pytest.raises(UnclearError, match="missing/leave: No such file or directory"):
        write_leave_file(environ, folder)


@pytest.mark.parametrize(
    "variable", ["PUSHMILL_LEAVE_FILE", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"]
)
def test_a_variable_that_is_missing_is_named(environ, folder, variable):
    del environ[variable]
    with pytest.raises(UnclearError, match=variable):
        write_leave_file(environ, folder)


# ── the command ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def take(environ, folder, monkeypatch, capsys) -> Callable[[], tuple[int, str]]:
    """Take the step as the command does; return its status and what it says."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def take() -> tuple[int, str]:
        status = main([str(folder)])
        said = capsys.readouterr()
        return status, said.out + said.err

    return take


def test_the_command_writes_the_file_and_is_silent(api, environ, take):
    api.body = stateful_set(2)
    assert take() == (0, "")
    assert Path(environ["PUSHMILL_LEAVE_FILE"]).exists()


def test_the_command_says_in_one_line_what_is_wrong(api, environ, take):
    api.status = 403
    answered = f"Kubernetes answered 403 to GET {PATH}"
    assert take() == (1, f"pushmill: cannot tell whether this pod goes for good: {answered}\n")
    assert not Path(environ["PUSHMILL_LEAVE_FILE"]).exists()


def test_it_is_a_program(environ, folder):
    (folder / "token").unlink()
    command = (sys.executable, "-m", "worker.edges.kubernetes", str(folder))
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    missing = f"{folder / 'token'}: No such file or directory"
    assert done.returncode == 1
    assert done.stderr == f"pushmill: cannot tell whether this pod goes for good: {missing}\n"


def test_wrong_usage_is_said(capsys):
    assert main([]) == 2
    assert "usage: python -m worker.edges.kubernetes FOLDER" in capsys.readouterr().err


def test_it_starts_fast_because_it_imports_nothing_but_the_standard_library():
    program = (
        "import sys; import worker.edges.kubernetes; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names))"
    )
    done = subprocess.run(
        (sys.executable, "-S", "-c", program), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) <= {"__main__", "worker"}
