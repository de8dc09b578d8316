"""Commands of other packages: found by their entry points; a missing extra is told in one line."""

from importlib.metadata import EntryPoint

import pytest
import typer
from typer.testing import CliRunner

from worker.commands import extensions
from worker.commands.pushmill import app


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Puts a package on the path and its entry points beside those that there are."""

    def _install(package, source, **values):
        (tmp_path / f"{package}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        entries = [EntryPoint(name, value, extensions.GROUP) for name, value in values.items()]
        monkeypatch.setattr(
            extensions,
            "entry_points",
            lambda group, name=None: [each for each in entries if name in {None, each.name}],
        )

    return _install


def called(*arguments):
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.output


def test_a_group_of_commands(install):
    source = "import typer\napp = typer.Typer()\n@app.callback()\ndef c(): 'Colours.'\n@app.command()\n"
    install("a_group_there_is", source + "def red(n: int): print('red', n)", paint="a_group_there_is:app")
    assert called("paint", "red", "7") == (0, "red 7\n")
    assert "Colours." in called("--help")[1]


def test_a_single_command(install):
    source = "def mix(n: int):\n    'Mix them.'\n    print('mixed', n)"
    install("a_function_there_is", source, mix="a_function_there_is:mix")
    assert called("mix", "3") == (0, "mixed 3\n")


def test_the_list_of_commands_has_the_names_of_the_entry_points(install):
    source = "import typer\napp = typer.Typer()\n@app.callback()\ndef c(): 'Colours.'\ndef f(): 'Mix them.'\n"
    install("named_otherwise", source, paint="named_otherwise:app", mix="named_otherwise:f")
    listed = [" ".join(line.strip("│ ").split()) for line in called("--help")[1].splitlines()]
    assert {"paint Colours.", "mix Mix them."} <= {*listed}


@pytest.mark.parametrize("arguments", [(), ("--help",), ("red", "--bright", "7")])
def test_a_missing_extra_is_one_line_and_a_status(install, arguments):
    install("needs_more", "import not_installed", paint="needs_more:app [oils,brushes]")
    told = "pushmill: paint needs more packages: pip install 'pushmill[oils,brushes]'\n"
    assert called("paint", *arguments) == (2, told)
    assert "pip install" in " ".join(called("--help")[1].split())


def test_a_module_that_the_package_itself_lacks_is_a_mistake(install):
    install("lacks_its_own", "import lacks_its_own.inside", paint="lacks_its_own:app [oils]")
    with pytest.raises(ModuleNotFoundError):
        CliRunner().invoke(app, ["paint"], catch_exceptions=False)


def test_one_s_own_command_is_not_replaced(install):
    install("in_the_way", "def check(): print('another')", check="in_the_way:check")
    assert "another" not in called("check", "--help")[1]


def test_nothing_is_imported_for_another_command(install):
    install("not_to_be_imported", "raise SystemExit(3)", paint="not_to_be_imported:app")
    assert called("check", "--help")[0] == 0


def test_an_unknown_command_is_told_as_ever(install):
    install("unused", "", paint="unused:app")
    assert called("unknown")[0] == 2


def test_the_campaign_service_is_found_by_its_entry_point():
    [entry] = extensions.entry_points(group=extensions.GROUP, name="campaigns")
    assert isinstance(entry.load(), typer.Typer)
    assert entry.extras == ["campaigns"]


def test_the_function_of_an_entry_point_is_imported(install):
    install(
        "has_a_function", "def play(options):\n    return options + 1", colours="has_a_function:play [oils]"
    )
    assert extensions.find_function(extensions.GROUP, "colours")(2) == 3


def test_a_function_that_needs_an_extra_is_one_line_and_a_status(install, capsys):
    install("needs_an_extra", "import not_installed", colours="needs_an_extra:play [oils,brushes]")
    with pytest.raises(typer.Exit) as ended:
        extensions.find_function(extensions.GROUP, "colours")
    assert ended.value.exit_code == 2
    told = "pushmill: colours needs more packages: pip install 'pushmill[oils,brushes]'\n"
    assert capsys.readouterr().err == told


def test_a_function_that_nobody_brings_is_a_mistake(install):
    install("brings_nothing", "")
    with pytest.raises(LookupError, match="blues"):
        extensions.find_function(extensions.GROUP, "blues")
