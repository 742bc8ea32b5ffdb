"""Every path of the command line: a URL is understood or refused at once, and never a folder."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import toposcope.cli  # noqa: F401 - registers the commands
from toposcope.cli.common import main
from toposcope.cli.places import Place

TAKE_URLS = {
    *("analyze", "capture", "compare", "export", "info", "landmarks", "rank", "report", "status"),
    *("study all", "study validity", "verify", "zoo"),
}
HOWTO = Path(__file__).parents[3] / "docs" / "howto" / "stores.md"
URLS = [
    "s3://bucket/run",
    "gs://bucket/run",
    "az://bucket/run",
    "S3://bucket/run",
    "s3:/bucket/run",
]
OTHERS = ["https://host/run", "r2://bucket/run", "memory://a/run", "s3://", "file://host/run"]


def commands(group=main, name=""):
    for key, one in group.commands.items():
        if isinstance(one, click.Group):
            yield from commands(one, f"{name}{key} ")
        else:
            yield f"{name}{key}", one


def paths():
    return [
        (name, param)
        for name, one in commands()
        for param in one.get_params(click.Context(one))
        if isinstance(param.type, (click.Path, click.File))
    ]


def test_every_path_of_every_command_is_a_place():
    assert len(paths()) > 25
    assert [(name, param.name) for name, param in paths() if type(param.type) is not Place] == []


def test_the_commands_that_take_urls_are_those_of_the_page_that_the_refusal_names():
    taking = {name for name, param in paths() if param.type.urls}
    assert taking == TAKE_URLS
    with pytest.raises(click.BadParameter) as refused:
        Place().convert("s3://bucket/run", None, None)
    assert "docs/howto/stores.md" in str(refused.value)
    table = [line for line in HOWTO.read_text().splitlines() if line.endswith("| yes |")]
    told = {name for line in table for name in re.findall(r"`([a-z]+)(?: -o)?`", line)}
    assert told == {name.partition(" ")[0] for name in taking}


def test_a_url_is_taken_whole_or_refused():
    for name, param in paths():
        ctx = click.Context(click.Command(name))
        for url in (*URLS, *OTHERS):
            if param.type.urls and url in URLS:
                taken = param.type.convert(url, param, ctx).as_posix()
                assert taken == f"{url.partition(':')[0].lower()}:/bucket/run"
            else:
                refusal = r"a URL|are unknown|names no place|three slashes|end with this command"
                with pytest.raises(click.BadParameter, match=refusal):
                    param.type.convert(url, param, ctx)


def test_a_url_of_a_file_is_its_path(tmp_path):
    for url in (tmp_path.as_uri(), f"file:{tmp_path}", f"file://localhost{tmp_path}"):
        assert Place().convert(url, None, None) == tmp_path


# What each command needs beside the place, so that nothing else is missing.
LINES = [
    "analyze {}",
    "analyze runs/x --plan {}",
    "analyze runs/x --preregister {}",
    "capture py:a:b npz:x.npz -o {}",
    "capture py:a:b npz:x.npz -o runs/x --config {}",
    "compare {} {}",
    "compare runs/a runs/b -o {}",
    "compare runs/a runs/b --report {}",
    "demo --out {}",
    "info {}",
    "plan {} analyze runs/x",
    "rank {} npz:x.npz",
    "rank models.toml npz:x.npz -o {}",
    "report {}",
    "report runs/x -o {}",
    "status {}",
    "verify {}",
    "study validity {}",
    "study magai-depth {}",
    "study wheeler-training -o {}",
    "zoo {} npz:x.npz -o zoo",
    "zoo models.toml npz:x.npz -o {}",
]


@pytest.mark.parametrize("line", LINES)
def test_no_command_makes_a_folder_of_a_url(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    # Nobody listens there: a command that tries fails, and one that does not was refused before.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    words = [word.format("nowhere://bucket/run") for word in line.split()]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2, result.output
    assert "nowhere://bucket/run" in result.output
    assert list(Path().iterdir()) == []
