"""Who brings arrays needs no PyTorch; what runs networks says what to install."""

import json
import subprocess
import sys

import pytest

BLOCKED = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
"""

ARRAYS = """
import json, warnings
import numpy as np, toposcope as ts

warnings.simplefilter("ignore")
for name in ts.__all__:
    getattr(ts, name)
rng = np.random.default_rng(0)
layers = [{"a": rng.normal(size=(60, 4)), "b": rng.normal(size=(60, 5))} for _ in range(2)]
y = np.arange(60) % 2
acts = [ts.from_arrays(one, labels=y, name=f"net {i}") for i, one in enumerate(layers)]
found = [ts.analyze(one, points=15, replicates=4, null="none", jobs=0) for one in acts]
change = ts.compare(*found, measures=("wasserstein",))
out = [ts.report(found, to="r.html"), ts.report(change, to="c.html")]
out.append(ts.export(ts.store.save_arrays(acts[0], "run"), to="npz", out="run.npz"))
print(json.dumps([ts.describe(change)[:1] != "", *(one.stat().st_size > 0 for one in out)]))
"""

NETWORKS = """
import json, pathlib
import numpy as np, toposcope as ts
from click.testing import CliRunner
from toposcope.cli import main

import toposcope.studies.materials as materials

materials.user_cache = lambda: pathlib.Path("cache")  # what was trained earlier needs no torch
X = np.zeros((9, 3))
open("models.toml", "w").write('[[model]]\\nname = "a"\\nmodel = "py:nets:net"\\n')
np.savez("x.npz", images=X, labels=np.arange(9) % 2)
told = {}
calls = {
    "capture": lambda: ts.capture(None, X),
    "capture_series": lambda: ts.capture_series(None, X, weights=["a"], store="s"),
    "Monitor": lambda: ts.Monitor(None, X, store="live"),
    "zoo": lambda: ts.zoo("models.toml", X, store="zoo"),
}
for name, call in calls.items():
    try:
        call()
    except BaseException as error:
        told[name] = [type(error).__name__, str(error)]
lines = {
    "toposcope capture": ["capture", "py:nets:net", "npz:x.npz", "-o", "run"],
    "toposcope layers": ["layers", "py:nets:net", "--data", "npz:x.npz"],
    "toposcope demo": ["demo"],
    "run": ["study", "wheeler-training", "--quick"],
    "zoo": ["zoo", "models.toml", "npz:x.npz", "-o", "zoo"],
}
for name, words in lines.items():
    done = CliRunner().invoke(main, words)
    told[f"{name} (command)"] = [done.exit_code, done.stderr]
print(json.dumps(told))
"""


def run(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + code],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_arrays_are_measured_compared_reported_and_exported(tmp_path):
    assert run(ARRAYS, tmp_path) == [True, True, True, True]


def test_what_runs_networks_says_what_to_install(tmp_path):
    for name, (kind, text) in run(NETWORKS, tmp_path).items():
        assert kind in ("MissingExtraError", 2), (name, kind, text)
        call = name.removesuffix(" (command)")
        assert f"{call}" in text and "pip install 'toposcope[torch]'" in text, (name, text)
        assert "Traceback" not in text


def test_the_block_can_fail(tmp_path):
    with pytest.raises(AssertionError, match="No module named 'torch'"):
        run("import torch", tmp_path)


def test_another_import_that_fails_is_told_as_it_is():
    from toposcope.errors import networks

    with pytest.raises(ModuleNotFoundError, match="torchness"), networks("capture()"):
        raise ModuleNotFoundError("No module named 'torchness'", name="torchness")
