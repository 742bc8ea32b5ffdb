"""A report of several networks speaks of one of them at a time, and says which."""

import re

import numpy as np
import pytest

import toposcope as ts
from toposcope.store.arrays import from_arrays, save_arrays

OPTIONS = {"points": 25, "replicates": 6, "homology_dimensions": (0,), "jobs": 0}


def run(path, *, model, name, collapse, step=None):
    """Layer 'late' lies on clusters that are tight in a network that collapses."""
    rng = np.random.default_rng(5)
    clusters = np.repeat(rng.normal(size=(5, 4)), 30, axis=0)[rng.permutation(150)]
    late = clusters + collapse * rng.normal(size=(150, 4))
    acts = from_arrays({"early": rng.normal(size=(150, 4)), "late": late}, name=name)
    acts.attrs.update({"model": model, "name": name, "step": step})
    return ts.analyze(save_arrays(acts, path), **OPTIONS)


def told(analyses, path):
    """The first two sentences of the report."""
    page = ts.report(analyses, to=path / "report.html").read_text("utf-8")
    first, second, *_ = re.findall(r"<li>(The clearest.*?|Against.*?)</li>", page, re.S)
    return first, second


@pytest.mark.parametrize("names", [("resnet20", "resnet2"), ("resnet2", "resnet20")])
def test_both_sentences_name_one_network_also_if_names_begin_alike(tmp_path, names):
    clear, dull = names
    runs = {
        clear: run(tmp_path / clear, model=f"py:nets:{clear}", name=clear, collapse=0.01),
        dull: run(tmp_path / dull, model=f"py:nets:{dull}", name=dull, collapse=1.0),
    }
    for order in ((clear, dull), (dull, clear)):
        first, second = told([runs[name] for name in order], tmp_path)
        assert f"in {clear}, late against early." in first
        assert f" of {clear} lies below at" in second


@pytest.mark.parametrize("clear", ["cnn", "vit"])
def test_over_training_they_name_one_network_at_its_last_step(tmp_path, clear):
    """Runs have names of their own there, and the spec of a model is no name."""
    runs = [
        run(
            tmp_path / f"{kind}{step}",
            model=f"py:nets:digits_{kind}",
            name=f"{kind} step {step}",
            collapse=0.01 if (kind, step) == (clear, 30) else 1.0,
            step=step,
        )
        for kind in ("cnn", "vit")
        for step in (0, 30)
    ]
    first, second = told(runs, tmp_path)
    assert f"in digits_{clear} late, step 30 against step 0." in first
    assert f" of digits_{clear} at step 30 lies below at" in second
