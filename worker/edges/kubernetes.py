"""Before a pod is stopped: writes the leave file if it goes for good, which only Kubernetes knows.

    python -m worker.edges.kubernetes FOLDER           # the preStop step in k8s/base/statefulset.yaml

A pod goes for good if its StatefulSet no longer wants a pod of its number; one that is updated, evicted or
deleted comes back. Only a clear answer within 2 s counts. Without one, the file is not there afterwards, and
the worker keeps its place in the group until its session ends. Decides that. Knows nothing of what the file
does to a worker.

FOLDER is a projected volume with the files `token`, `ca.crt`, `namespace` and `name` (of the pod). Imports
the standard library alone: whoever stops a pod waits for this.
"""

import http.client
import json
import os
import re
import signal
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT = 2.0
"""Seconds for the whole question: connect, TLS, answer."""

_ANSWER_MAX_BYTES = 4 << 20
"""More than any object that Kubernetes stores (1.5 MiB in etcd)."""

_POD = re.compile(r"(?P<set>.+)-(?P<ordinal>[0-9]+)")


class UnclearError(RuntimeError):
    """Kubernetes did not say whether the pod goes for good; the message says why, without secrets."""


def goes_for_good(ordinal: int, stateful_set: Any) -> bool:
    """Return whether a StatefulSet, as its API object, wants no pod of this number.

    Raises:
        UnclearError: It is not a StatefulSet.
    """
    try:
        spec = stateful_set["spec"]
        first, replicas = (spec.get("ordinals") or {}).get("start", 0), spec["replicas"]
    except (AttributeError, KeyError, TypeError):
        raise UnclearError("the answer of Kubernetes is not a StatefulSet") from None
    if not (type(first) is int and type(replicas) is int):
        raise UnclearError("the answer of Kubernetes is not a StatefulSet")
    return not first <= ordinal < first + replicas


def write_leave_file(environ: Mapping[str, str], folder: Path) -> None:
    """Write the file that PUSHMILL_LEAVE_FILE names if this pod goes for good; otherwise remove it.

    Raises:
        UnclearError: A setting or a file is missing, or Kubernetes gave no clear answer: the file is removed.
    """
    leave_file = environ.get("PUSHMILL_LEAVE_FILE")
    if not leave_file:
        raise UnclearError("PUSHMILL_LEAVE_FILE is not set; set it to a path that can be written")
    try:
        # An earlier stop may have left it: a container that is restarted keeps the pod's volumes.
        Path(leave_file).unlink(missing_ok=True)
        if _goes_for_good(environ, folder):
            Path(leave_file).touch()
    except OSError as error:
        place = error.filename or "connection to Kubernetes"
        raise UnclearError(f"{place}: {error.strerror or type(error).__name__}") from None


def _goes_for_good(environ: Mapping[str, str], folder: Path) -> bool:
    pod = (folder / "name").read_text().strip()
    found = _POD.fullmatch(pod)
    if found is None:
        raise UnclearError(f"{pod} is not the name of a StatefulSet's pod")
    namespace = (folder / "namespace").read_text().strip()
    path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets/{found['set']}"
    with _deadline():
        return goes_for_good(int(found["ordinal"]), _get(environ, folder, path))


def _get(environ: Mapping[str, str], folder: Path, path: str) -> Any:
    """Ask the API server that Kubernetes names in every container's environment."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not (host and port and port.isdecimal()):
        raise UnclearError("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: is this a pod?")
    token = (folder / "token").read_text().strip()
    tls = ssl.create_default_context(cafile=folder / "ca.crt")
    connection = http.client.HTTPSConnection(host, int(port), timeout=LIMIT, context=tls)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise UnclearError(f"Kubernetes answered {answer.status} to GET {path}")
        return json.loads(answer.read(_ANSWER_MAX_BYTES))
    except OSError:  # some of them are ValueErrors as well
        raise
    except (http.client.HTTPException, ValueError, RecursionError) as error:
        # Without its text: that of a header that cannot be sent would have the token in it.
        raise UnclearError(f"Kubernetes gave no readable answer ({type(error).__name__})") from None
    finally:
        connection.close()


@contextmanager
def _deadline() -> Iterator[None]:
    """Bound all of it: a socket's time-out begins again with every byte."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    except TimeoutError:
        raise UnclearError(f"Kubernetes did not answer within {LIMIT:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def main(arguments: list[str]) -> int:
    """Return the exit status: 1 if nothing clear was learned, which Kubernetes reports as an event."""
    if len(arguments) != 1:
        sys.stderr.write("pushmill: usage: python -m worker.edges.kubernetes FOLDER\n")
        return 2
    try:
        write_leave_file(os.environ, Path(arguments[0]))
    except UnclearError as error:
        sys.stderr.write(f"pushmill: cannot tell whether this pod goes for good: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
