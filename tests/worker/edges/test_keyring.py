import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crypto import base64url
from crypto.vapid import VapidKey, generate_vapid_key
from worker.edges.keyring import CHECKED_FOR, MISSING, MISSING_FOR, Keyring

KEYS = [generate_vapid_key() for _ in range(3)]
PEMS = [key.to_pem() for key in KEYS]
GARBAGE = b"-----BEGIN PRIVATE KEY-----\nnope\n"


class Clock:
    """Monotonic seconds that a test advances."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Disk:
    """Writes key files with a distinct time each, however fast the writes follow each other."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.writes = 0

    def write(self, name: str, pem: bytes) -> None:
        self._stamped(self.folder / f"{name}.pem", pem)

    def replace(self, name: str, pem: bytes) -> None:
        self._stamped(self.folder / "new", pem)
        (self.folder / "new").rename(self.folder / f"{name}.pem")

    def delete(self, name: str) -> None:
        (self.folder / f"{name}.pem").unlink(missing_ok=True)

    def swap(self, secret: dict[str, bytes]) -> None:
        """Swap the folder's content as Kubernetes does when a Secret changes."""
        self.writes += 1
        data, link = self.folder / "..data", self.folder / "..data_tmp"
        old = data.readlink() if data.is_symlink() else None
        fresh = self.folder / f"..{self.writes}"
        fresh.mkdir()
        for name, pem in secret.items():
            self._stamped(fresh / f"{name}.pem", pem)
        link.symlink_to(fresh.name)
        link.rename(data)
        for name in secret:
            if not (self.folder / f"{name}.pem").is_symlink():
                (self.folder / f"{name}.pem").symlink_to(f"..data/{name}.pem")
        for path in self.folder.glob("*.pem"):
            if path.is_symlink() and path.stem not in secret:
                path.unlink()
        if old is not None:
            for path in (self.folder / old).iterdir():
                path.unlink()
            (self.folder / old).rmdir()

    def _stamped(self, path: Path, pem: bytes) -> None:
        path.write_bytes(pem)
        self.writes += 1
        os.utime(path, (1e9 + self.writes, 1e9 + self.writes))


class Fixture:
    def __init__(self, folder: Path):
        self.folder = folder
        self.disk = Disk(folder)
        self.clock = Clock()
        self.problems: list[tuple[str, str]] = []
        self.ring = Keyring(
            folder, self.clock, on_problem=lambda *told: self.problems.append(told), capacity=8
        )

    def number(self, name: str) -> int | None:
        return number(self.ring.get(name))


def number(key: VapidKey | None) -> int | None:
    return None if key is None else [each.public for each in KEYS].index(key.public)


@pytest.fixture
def at(tmp_path):
    return Fixture(tmp_path)


def test_reads_a_key_once_and_hands_out_the_same_one(at):
    at.disk.write("site_a", PEMS[0])
    first = at.ring.get("site_a")
    assert number(first) == 0
    at.clock.now += CHECKED_FOR * 2
    assert at.ring.get("site_a") is first


def test_a_known_key_needs_no_disk_until_it_is_due(at):
    at.disk.write("site_a", PEMS[0])
    at.ring.get("site_a")
    at.disk.delete("site_a")
    at.clock.now += CHECKED_FOR - 0.01
    assert at.number("site_a") == 0
    at.clock.now += 0.01
    assert at.number("site_a") is None


def test_a_key_that_is_named_and_missing_is_said_once_until_it_is_there(at):
    for _ in range(5):
        assert at.ring.for_site("named", "site_a") is None
        at.clock.now += 2 * CHECKED_FOR
    assert at.problems == [("named", MISSING)]
    at.disk.write("named", PEMS[1])
    at.clock.now += 2 * CHECKED_FOR
    assert number(at.ring.for_site("named", "site_a")) == 1
    at.disk.delete("named")
    at.clock.now += 2 * CHECKED_FOR
    assert at.ring.for_site("named", "site_a") is None
    assert at.problems == [("named", MISSING)] * 2


def test_a_site_that_has_no_key_of_its_own_is_no_problem(at):
    assert at.ring.for_site(None, "site_a") is None
    assert not at.problems


@pytest.mark.parametrize("how", ["write", "replace"])
def test_a_changed_key_is_in_use_within_thirty_seconds(at, how):
    at.disk.write("site_a", PEMS[0])
    assert at.number("site_a") == 0
    getattr(at.disk, how)("site_a", PEMS[1])
    at.clock.now += 30
    assert at.number("site_a") == 1
    assert not at.problems


def test_a_new_key_appears_within_five_seconds(at):
    assert at.number("site_a") is None
    at.disk.write("site_a", PEMS[2])
    assert at.number("site_a") is None
    at.clock.now += MISSING_FOR
    assert at.number("site_a") == 2


def test_a_secrets_swap_is_followed(at):
    at.disk.swap({"site_a": PEMS[0], "site_b": PEMS[1]})
    assert (at.number("site_a"), at.number("site_b")) == (0, 1)
    at.disk.swap({"site_a": PEMS[2]})
    at.clock.now += CHECKED_FOR
    assert (at.number("site_a"), at.number("site_b")) == (2, None)
    assert not at.problems


def test_wrong_new_content_keeps_the_old_key_and_is_told_once(at):
    at.disk.write("site_a", PEMS[0])
    at.ring.get("site_a")
    at.disk.write("site_a", GARBAGE)
    for _ in range(3):
        at.clock.now += CHECKED_FOR
        assert at.number("site_a") == 0
    assert [name for name, _ in at.problems] == ["site_a"]
    at.disk.write("site_a", PEMS[1])
    at.clock.now += CHECKED_FOR
    assert at.number("site_a") == 1
    at.disk.write("site_a", GARBAGE)
    at.clock.now += CHECKED_FOR
    assert at.number("site_a") == 1
    assert len(at.problems) == 2


def test_a_key_that_was_never_good_is_looked_at_again_soon(at):
    at.disk.write("site_a", GARBAGE)
    assert at.number("site_a") is None
    at.disk.write("site_a", PEMS[0])
    at.clock.now += MISSING_FOR
    assert at.number("site_a") == 0


def test_a_problem_holds_no_key_material(at):
    at.disk.write("site_a", PEMS[0][:-60] + b"A" * 20)
    at.ring.get("site_a")
    ((_, problem),) = at.problems
    assert "MIG" not in problem
    assert PEMS[0].splitlines()[1][:16].decode() not in problem


def test_a_folder_that_is_away_for_a_while_keeps_the_old_keys(at):
    at.disk.write("site_a", PEMS[0])
    at.ring.get("site_a")
    away = at.folder.with_name("away")
    at.folder.rename(away)
    at.clock.now += CHECKED_FOR
    assert at.number("site_a") == 0
    assert at.problems == [("site_a", "its folder cannot be read")]
    away.rename(at.folder)
    at.disk.delete("site_a")
    at.clock.now += CHECKED_FOR
    assert at.number("site_a") is None


def test_a_file_in_the_folders_place_keeps_the_old_keys(at):
    at.disk.write("site_a", PEMS[0])
    at.ring.get("site_a")
    away = at.folder.with_name("away")
    at.folder.rename(away)
    at.folder.write_text("")
    at.clock.now += CHECKED_FOR
    assert at.number("site_a") == 0
    at.folder.unlink()
    away.rename(at.folder)


def test_a_good_file_after_an_unreadable_one_clears_the_problem(at):
    at.disk.write("site_a", PEMS[0])
    at.ring.get("site_a")
    for _ in range(2):
        at.folder.joinpath("site_a.pem").rename(at.folder / "kept")
        at.folder.joinpath("site_a.pem").mkdir()
        at.clock.now += CHECKED_FOR
        assert at.number("site_a") == 0
        at.folder.joinpath("site_a.pem").rmdir()
        at.folder.joinpath("kept").rename(at.folder / "site_a.pem")
        at.clock.now += CHECKED_FOR
        assert at.number("site_a") == 0
    assert at.problems == [("site_a", "is not a regular file")] * 2


BAD_NAMES = [
    "", ".", "..", ".hidden", "../site_a", "a/b", "/etc/passwd", "a\\b", "a b", "a\0b", "site_a\n", "ключ",
    "a" * 129, ":a", "~root", "a%2fb", "..data",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_could_be_paths_are_refused_and_not_remembered(at, name):
    at.disk.write("site_a", PEMS[0])
    at.disk.write("default", PEMS[1])
    assert at.ring.get(name) is None
    assert at.ring.for_site(name, "site_a") is None
    assert at.ring.for_site(None, name) is None
    assert "default" not in repr(at.problems)
    assert len(at.ring) == 0


@pytest.mark.parametrize("name", ["a", "-", "_", "a..b", "a:b.c", "A" * 128, "0"])
def test_names_of_the_contract_are_read(at, name):
    at.disk.write(name, PEMS[0])
    assert at.number(name) == 0


def test_a_link_out_of_the_folder_is_refused(at, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "site_a.pem"
    outside.write_bytes(PEMS[0])
    at.folder.joinpath("site_a.pem").symlink_to(outside)
    at.folder.joinpath("sub").symlink_to(outside.parent)
    at.folder.joinpath("site_b.pem").symlink_to("sub/site_a.pem")
    assert at.number("site_a") is None
    assert at.number("site_b") is None
    assert {problem for _, problem in at.problems} == {"is a link to a place outside the folder"}


def test_a_folder_whose_name_begins_alike_is_outside(at):
    beside = at.folder.with_name(at.folder.name + "-old")
    beside.mkdir()
    beside.joinpath("site_a.pem").write_bytes(PEMS[0])
    at.folder.joinpath("site_a.pem").symlink_to(beside / "site_a.pem")
    assert at.number("site_a") is None


def test_a_folder_that_is_a_link_itself_is_followed(at, tmp_path_factory):
    link = tmp_path_factory.mktemp("links") / "vapid"
    link.symlink_to(at.folder)
    at.disk.write("site_a", PEMS[0])
    assert number(Keyring(link, at.clock).get("site_a")) == 0


def test_a_link_that_stays_inside_is_followed_however_it_gets_there(at, tmp_path_factory):
    link = tmp_path_factory.mktemp("links") / "vapid"
    link.symlink_to(at.folder)
    at.folder.joinpath("sub").mkdir()
    at.disk.write("sub/kept", PEMS[0])
    at.folder.joinpath("site_a.pem").symlink_to(at.folder / "sub" / "kept.pem")
    at.folder.joinpath("site_b.pem").symlink_to(link / "sub" / "kept.pem")
    ring = Keyring(link, at.clock)
    assert [number(ring.get(name)) for name in ("site_a", "site_b")] == [0, 0]


def _loop(path):
    path.symlink_to(path.name)


def _fifo(path):
    os.mkfifo(path)


def _huge(path):
    path.write_bytes(PEMS[0] + b"\n" * 70_000)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_no_file_stays_open(at):
    at.disk.write("good", PEMS[0])
    at.disk.write("bad", GARBAGE)
    at.folder.joinpath("folder.pem").mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("good", "bad", "folder", "missing"):
        at.ring.get(name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("make", [_loop, _fifo, _huge, Path.mkdir, Path.touch])
def test_what_is_no_key_file_is_told_and_does_not_block(at, make):
    make(at.folder / "site_a.pem")
    assert at.number("site_a") is None
    assert [name for name, _ in at.problems] == ["site_a"]


def test_a_link_that_leads_nowhere_is_a_swap_under_way_and_keeps_the_old_key(at):
    at.disk.swap({"site_a": PEMS[0]})
    at.disk.write("default", PEMS[1])
    at.ring.get("site_a")
    at.folder.joinpath("..data").unlink()
    at.clock.now += CHECKED_FOR
    assert number(at.ring.for_site(None, "site_a")) == 0
    assert at.problems == [("site_a", "is a broken link")]


def test_a_link_that_never_led_anywhere_is_no_missing_file(at):
    at.folder.joinpath("site_a.pem").symlink_to("..data/site_a.pem")
    at.disk.write("default", PEMS[1])
    assert at.ring.for_site(None, "site_a") is None


def test_a_named_key_that_is_missing_is_none(at):
    at.disk.write("default", PEMS[0])
    at.disk.write("site_a", PEMS[1])
    assert at.ring.for_site("brand", "site_a") is None
    assert number(at.ring.for_site("default", "site_a")) == 0


def test_a_site_has_its_own_key_or_the_default_one(at):
    at.disk.write("default", PEMS[0])
    at.disk.write("site_a", PEMS[1])
    assert number(at.ring.for_site(None, "site_a")) == 1
    assert number(at.ring.for_site(None, "site_b")) == 0
    at.disk.delete("default")
    at.clock.now += CHECKED_FOR
    assert at.ring.for_site(None, "site_b") is None


def test_a_site_whose_file_is_broken_does_not_get_the_default_key(at):
    at.disk.write("default", PEMS[0])
    at.disk.write("site_a", GARBAGE)
    assert at.ring.for_site(None, "site_a") is None


def test_memory_is_bounded_and_the_busy_stay(at):
    at.disk.write("busy", PEMS[0])
    busy = at.ring.get("busy")
    for count in range(100):
        at.clock.now += CHECKED_FOR
        assert at.ring.get("busy") is busy
        at.ring.get(f"once-{count}")
    assert len(at.ring) == 8


NAMES = st.sampled_from(["a", "b", "default"])
CONTENT = st.sampled_from([0, 1, 2, "bad"])


def pem_of(content):
    return GARBAGE if content == "bad" else PEMS[content]


class KeyringMachine(RuleBasedStateMachine):
    """Tests the ring against a model: what each file held, and what the ring may still remember of it."""

    @initialize()
    def start(self):
        self.at = Fixture(TMP.make())
        self.files: dict[str, int | str] = {}
        self.linked: set[str] = set()
        self.known: dict[str, tuple[int | None, bool, float]] = {}

    @rule(name=NAMES, content=CONTENT)
    def write_in_place(self, name, content):
        # Nobody writes through a Secret's link: its volume is read-only.
        if name not in self.linked:
            self.at.disk.write(name, pem_of(content))
            self.files[name] = content

    @rule(name=NAMES, content=CONTENT)
    def replace(self, name, content):
        self.at.disk.replace(name, pem_of(content))
        self.files[name] = content
        self.linked.discard(name)

    @rule(name=NAMES)
    def delete(self, name):
        self.at.disk.delete(name)
        self.files.pop(name, None)
        self.linked.discard(name)

    @rule(secret=st.dictionaries(NAMES, CONTENT))
    def swap(self, secret):
        for name in secret:
            if name not in self.linked:
                self.at.disk.delete(name)
        self.at.disk.swap({name: pem_of(content) for name, content in secret.items()})
        self.files = {
            name: content for name, content in self.files.items() if name not in self.linked
        } | secret
        self.linked = set(secret)

    @rule(seconds=st.sampled_from([0.1, 1.0, MISSING_FOR, CHECKED_FOR, 60.0]))
    def wait(self, seconds):
        self.at.clock.now += seconds

    @rule(name=NAMES)
    def get(self, name):
        assert self.at.number(name) == self.expected(name)[0]

    @rule(named=st.none() | NAMES, site=NAMES)
    def for_site(self, named, site):
        found = number(self.at.ring.for_site(named, site))
        key, absent = self.expected(named or site)
        assert found == (self.expected("default")[0] if absent and named is None else key)

    @invariant()
    def forgets_nothing_it_need_not(self):
        assert len(self.at.ring) == len(self.known)

    def expected(self, name):
        old, absent, due = self.known.get(name, (None, False, 0.0))
        if self.at.clock.now >= due:
            held = self.files.get(name)
            key = old if held == "bad" else held
            absent = held is None
            due = self.at.clock.now + (MISSING_FOR if key is None else CHECKED_FOR)
            self.known[name] = (key, absent, due)
            return key, absent
        return old, absent


class _Tmp:
    def __init__(self):
        self.root = Path()
        self.made = 0

    def make(self) -> Path:
        self.made += 1
        folder = self.root / str(self.made)
        folder.mkdir()
        return folder


TMP = _Tmp()


@pytest.fixture(autouse=True)
def _folders(tmp_path_factory):
    TMP.root, TMP.made = tmp_path_factory.mktemp("machine"), 0


KeyringMachine.TestCase.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestKeyring = KeyringMachine.TestCase


@pytest.mark.parametrize(
    "content",
    [
        b'{"publicKey": "BAAA", "privateKey": "s3cr3t"}',
        base64url.encode(KEYS[0].signer.private_key.private_numbers().private_value.to_bytes(32)).encode(),
        PEMS[0].replace(b"\n", b"\\n"),
    ],
    ids=["json", "base64url", "one line"],  # keys are new in each process
)
def test_a_key_in_another_form_is_to_be_imported_not_replaced(tmp_path, content):
    problems = []
    Disk(tmp_path).write("site_a", content)
    keyring = Keyring(tmp_path, Clock(), on_problem=lambda name, problem: problems.append((name, problem)))
    assert keyring.get("site_a") is None
    assert problems == [
        ("site_a", "not a private key in PEM; `pushmill keys import` reads it in other forms")
    ]
