"""Projects and keys from the command line, without a running gateway (with one: tests/end_to_end)."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from gateway.cli.output import utc
from tests.cli.telecine import objects, telecine

SHIPPED = Path(__file__).parents[2] / "config.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with the shipped configuration and one project."""
    place = tmp_path_factory.mktemp("accounts")
    shutil.copy(SHIPPED, place / "config.yaml")
    assert telecine(place, "projects", "create", "films").status == 0
    return place


def test_a_key_is_shown_once(folder: Path) -> None:
    """One JSON object with `id` and the secret as `key`; the list never shows it; nothing else is on stdout."""
    done = telecine(folder, "keys", "create", "--project", "films", "--name", "ci", "--expires-in", "30d", "--json")
    (made,) = objects(done.out)
    assert made["key"].startswith("sk-tc-")
    assert made["name"] == "ci"
    listed = {key["id"]: key for key in objects(telecine(folder, "keys", "list", "--json").out)}
    assert "key" not in listed[made["id"]]
    assert listed[made["id"]]["expires_at"] > made["created_at"]
    assert made["key"] not in "".join(path.read_text(errors="replace") for path in folder.rglob("*.aof"))


def test_a_shell_can_take_the_secret(folder: Path) -> None:
    """Without `--json` stdout is the secret and nothing else, so `$(telecine keys create …)` is a key."""
    done = telecine(folder, "keys", "create", TELECINE_PROJECT="films")
    assert re.fullmatch(r"sk-tc-[A-Za-z0-9_-]{43}\n", done.out)
    assert done.out.strip() not in done.err


def test_a_revoked_key_says_so(folder: Path) -> None:
    """`revoke` takes the id; the list shows the status; an unknown id is an error."""
    (made,) = objects(telecine(folder, "keys", "create", "--project", "films", "--json").out)
    assert telecine(folder, "keys", "revoke", made["id"]).status == 0
    listed = {key["id"]: key["status"] for key in objects(telecine(folder, "keys", "list", "--json").out)}
    assert listed[made["id"]] == "revoked"
    assert telecine(folder, "keys", "revoke", "key_0").status == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["projects", "create", "films"], 'telecine: a project is called "films" already\n'),
        (["keys", "create", "--project", "music"], 'telecine: no project is called "music"; '),
        (["keys", "list", "--project", "music"], 'telecine: no project is called "music"; '),
        (["projects", "create", ""], "telecine: a project's name has 1 to 100 printable"),
        (["projects", "create", "proj_1"], "telecine: a project's name has 1 to 100 printable"),
        (["projects", "create", "x", "--config", "absent.yaml"], "absent.yaml: cannot be read: No such file"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(folder: Path, words: list[str], sentence: str) -> None:
    """Exit status 1, one line on stderr, nothing on stdout, no traceback."""
    done = telecine(folder, *words)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(sentence)
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("text", ["0d", "-1", "1w", "soon", "1.5h"])
def test_a_duration_that_is_none_is_refused(folder: Path, text: str) -> None:
    """`30d` is one; status 2 for the rest."""
    assert telecine(folder, "keys", "create", "--project", "films", "--expires-in", text).status == 2


def test_a_store_that_does_not_answer_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    """With the configured store away the command ends in bounded time and says so."""
    (tmp_path / "config.yaml").write_text(
        (folder / "config.yaml").read_text().replace("\n  url: null", f"\n  url: unix://{tmp_path}/absent.sock")
    )
    done = telecine(tmp_path, "projects", "list")
    assert done.status == 1
    assert done.err == f"telecine: the store at {tmp_path}/absent.sock cannot be reached\n"


def test_the_place_can_be_told_by_the_environment(folder: Path, tmp_path: Path) -> None:
    """TELECINE_CONFIG and TELECINE_DATA_DIR; the command line goes before them; empty means unset."""
    environ = {"TELECINE_CONFIG": str(folder / "config.yaml"), "TELECINE_DATA_DIR": str(folder / "data")}
    (project,) = objects(telecine(tmp_path, "projects", "list", "--json", **environ).out)
    assert project["name"] == "films"
    elsewhere = telecine(tmp_path, "projects", "list", "--json", "--data-dir", "other", **environ)
    assert elsewhere.status == 1 and "no data directory other" in elsewhere.err
    assert telecine(folder, "projects", "list", TELECINE_CONFIG="", TELECINE_DATA_DIR="").status == 0


def test_a_configuration_can_be_checked(folder: Path, tmp_path: Path) -> None:
    """`config check` says what clients can ask for, or every mistake with its line."""
    done = telecine(folder, "config", "check")
    assert done.status == 0
    assert "sora-2, sora-2-2025-10-06, sora-2-2025-12-08: mock/sora-2" in done.out
    (tmp_path / "config.yaml").write_text("providers:\n  mock: {adapter: moc}\nmodels:\n  sora-2: {routes: [mock/x]}\n")
    wrong = telecine(tmp_path, "config", "check")
    assert wrong.status == 1
    assert wrong.err.startswith(
        'config.yaml:2: providers.mock.adapter: no adapter is called "moc"; did you mean "mock"?'
    )


@pytest.mark.parametrize("life", ["999999999d", "36501d"])
def test_a_key_for_ages_is_refused_before_it_is_made(folder: Path, life: str) -> None:
    """One sentence that says what to do; the list has as many keys as before."""
    before = len(objects(telecine(folder, "keys", "list", "--json").out))
    done = telecine(folder, "keys", "create", "--project", "films", "--expires-in", life)
    assert (done.status, done.out) == (2, "")
    assert "a hundred years" in done.err
    assert len(objects(telecine(folder, "keys", "list", "--json").out)) == before


def test_a_time_beyond_the_calendar_is_its_end() -> None:
    """Whatever stands in the store, a list can be printed."""
    assert utc(10**17) == "9999-12-31T23:59:59Z"
    assert utc(0) == "1970-01-01T00:00:00Z"


def test_a_key_and_a_project_have_a_priority_and_a_bound(folder: Path) -> None:
    """Words or numbers; `none` takes it away."""
    done = telecine(folder, "projects", "limit", "films", "--priority", "batch", "--priority-max", "8", "--json")
    assert objects(done.out) == [{"priority": "batch", "priority_max": "interactive"}]
    wrong = telecine(folder, "projects", "limit", "films", "--priority", "urgent")
    assert wrong.status == 2
    assert "'urgent' is no priority; take batch, standard, interactive, or a number from 0 to 9" in wrong.err
    gone = telecine(folder, "projects", "limit", "films", "--priority", "none", "--priority-max", "none", "--json")
    assert objects(gone.out) == [{}]


def test_a_project_has_a_class_that_its_figures_are_told_apart_by(folder: Path) -> None:
    """One short word, and never an id; `none` takes it away."""
    done = telecine(folder, "projects", "limit", "films", "--project-class", "trial", "--json")
    assert objects(done.out) == [{"project_class": "trial"}]
    wrong = telecine(folder, "projects", "limit", "films", "--project-class", "proj_1")
    assert (wrong.status, "small letters, digits and hyphens" in wrong.err) == (2, True)
    assert objects(telecine(folder, "projects", "limit", "films", "--project-class", "none", "--json").out) == [{}]


@pytest.mark.parametrize(("written", "shown"), [("24h", "24h"), ("7d", "168h"), ("90", "90s"), ("off", "off")])
def test_clips_may_be_used_again_for_a_time(folder: Path, written: str, shown: str) -> None:
    """`off` is a word of its own, against the project's; `none` says nothing any more."""
    done = telecine(folder, "projects", "limit", "films", "--reuse", written, "--json")
    assert objects(done.out) == [{"reuse": shown}]
    assert telecine(folder, "projects", "limit", "films").out == f"reuse: {shown}\n"
    wrong = telecine(folder, "projects", "limit", "films", "--reuse", "soon")
    assert (wrong.status, "'soon' is not a duration" in wrong.err) == (2, True)
    assert objects(telecine(folder, "projects", "limit", "films", "--reuse", "none", "--json").out) == [{}]
