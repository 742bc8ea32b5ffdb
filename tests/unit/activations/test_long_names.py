"""A name that no file system takes is refused as such, wherever one can be given."""

from __future__ import annotations

import pytest
import torch
from click.testing import CliRunner

import toposcope as ts
from toposcope.activations.candidates import read_candidates
from toposcope.activations.data.load import load_data
from toposcope.cli import main
from toposcope.errors import UsageError

LONG = ["a" * 5000, "a" * 300, "b/" * 3000, "é" * 200]


@pytest.mark.parametrize("name", LONG)
def test_in_python(name, tmp_path):
    toml = tmp_path / "models.toml"
    toml.write_text(f'[[model]]\nname = "a"\nmodel = "py:n:f"\nweights = "{name}.pt"\n')
    net = torch.nn.Linear(2, 2)
    for call in (
        lambda: ts.analyze(name),
        lambda: ts.open(name),
        lambda: ts.compare(name, name),
        lambda: ts.capture(net, torch.zeros(4, 2), store=name),
        lambda: ts.capture(net, f"npz:{name}.npz"),
        lambda: ts.capture(net, torch.zeros(4, 2), weights=f"{name}.pt"),
        lambda: load_data(f"csv:{name}.csv#y=label"),
        lambda: load_data(f"imagefolder:{name}"),
        lambda: ts.capture_series(net, torch.zeros(4, 2), weights=[f"{name}.pt"], store=tmp_path),
        lambda: read_candidates(toml),
    ):
        with pytest.raises(UsageError, match=r"is longer than any file has"):
            call()


@pytest.mark.parametrize("name", LONG[:2])
@pytest.mark.parametrize(
    "words",
    ["info", "analyze", "verify", "status", "report", "compare x", "rank --target y", "zoo"],
)
def test_on_the_command_line(name, words):
    done = CliRunner().invoke(main, [*words.split(), name])
    assert done.exit_code == 2, done.output
    assert "is longer than any" in " ".join(done.output.split())
