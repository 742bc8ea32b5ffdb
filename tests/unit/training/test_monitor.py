"""Looking at a network while it is trained, without disturbing the training."""

from __future__ import annotations

import json
import logging
import random
import sys

import numpy as np
import pytest
import torch
from torch import nn

import toposcope as ts
from toposcope.errors import MissingExtraError, UsageError
from toposcope.training import monitor as monitoring

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(6, 8),
            nn.BatchNorm1d(8),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Linear(8, 8),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.body(x))


def train(steps=30, watch=None):
    """Plain training with dropout; returns the state at the end."""
    torch.manual_seed(3)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    monitor = watch(model) if watch else None
    torch.manual_seed(4)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    for step in range(1, steps + 1):
        rows = torch.randint(len(x), (16,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
        if monitor:
            monitor.step(step)
    if monitor:
        monitor.close()
    return model, monitor


def global_states():
    return random.getstate(), np.random.get_state()[1].tobytes()  # noqa: NPY002


def watcher(tmp_path, **options):
    return lambda model: ts.Monitor(
        model,
        (X, Y),
        store=tmp_path / "live",
        **{"every": 10, "share": 1.0, "log": "none"} | options,
    )


def test_training_is_bit_identical_with_and_without_looks(tmp_path):
    plain, _ = train()
    states = global_states()
    watched, monitor = train(watch=watcher(tmp_path))
    assert global_states() == states
    assert monitor.series.steps == (0, 10, 20, 30)
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, watched.state_dict()[name]), name
    grads = [p.grad for p in watched.parameters()]
    assert all(torch.equal(a, p.grad) for a, p in zip(grads, plain.parameters(), strict=True))
    assert all(m.training for m in watched.modules())
    assert not any(m._forward_hooks for m in watched.modules())


def test_the_series_holds_the_network_of_each_step(tmp_path):
    model, monitor = train(watch=watcher(tmp_path, homology_dimensions=(0, 1)))
    model.eval()
    with torch.no_grad():
        want = model.body[:3](torch.from_numpy(X)).numpy()
    last = ts.open_series(tmp_path / "live").at(30)
    np.testing.assert_allclose(last["body.2"], want, rtol=1e-6, atol=1e-7)
    values = monitor.looks[-1]["values"]
    assert {name.partition("/")[0] for name in values} == {
        "toposcope_lifespan_sum_H0",
        "toposcope_lifespan_sum_H1",
        "toposcope_ph_dimension",
        "toposcope_activation_norm",
        "toposcope_top1",
    }
    norm = np.mean(np.linalg.norm(last["body.2"], axis=1))
    assert values["toposcope_activation_norm/body.2"] == pytest.approx(norm, rel=1e-6)
    page = ts.report(tmp_path / "live", to=tmp_path / "r.html").read_text()
    assert "Net step 30" in page


def test_looks_keep_within_their_share_and_say_so(tmp_path, monkeypatch, caplog):
    clock = [100.0]
    monkeypatch.setattr(monitoring.time, "perf_counter", lambda: clock[0])
    monitor = watcher(tmp_path, every=1, share=0.1)(Net())
    monitor._look = lambda step: clock.__setitem__(0, clock[0] + 2.0)
    monitor._cost = 2.0
    made = []
    with caplog.at_level(logging.WARNING, "toposcope"):
        for step in range(1, 201):
            clock[0] += 1.0
            before = clock[0]
            monitor.step(step)
            if clock[0] > before:
                made.append(step)
            assert monitor.seconds <= 0.1 * monitor.elapsed + 1e-9
    monitor.close()
    # At 10 % a look of 2 s fits into every 20 s, 18 of which are training.
    assert np.diff(made).tolist() == [18] * (len(made) - 1)
    assert len(made) == 11
    assert (
        "within 10 % of the training time it fits about every 20 steps, not every 1" in caplog.text
    )
    assert len(caplog.records) == 1


def test_a_crash_in_a_look_is_recorded_and_the_training_goes_on(tmp_path, caplog):
    def bomb(module, args):
        if not module.training:
            msg = "no memory left"
            raise torch.OutOfMemoryError(msg)

    def watch(model):
        monitor = watcher(tmp_path)(model)
        model.body.register_forward_pre_hook(bomb)
        return monitor

    plain, _ = train()
    watched, monitor = train(watch=watch)
    assert torch.equal(plain.head.weight, watched.head.weight)
    assert monitor.series.steps == (0,)
    assert [f["step"] for f in monitor.series.failures] == [10, 20, 30]
    assert "no memory left" in monitor.series.failures[0]["reason"]
    assert "after 3 failures there are no more looks" in caplog.text
    record = json.loads((tmp_path / "live" / "monitor.json").read_text())
    assert "OutOfMemoryError" in record["looks"][-1]["traceback"]
    assert all(m.training for m in watched.modules())
    page = ts.report(tmp_path / "live", to=tmp_path / "r.html").read_text()
    assert "no memory left" in page


def test_what_cannot_work_is_refused_before_the_training(tmp_path):
    with pytest.raises(UsageError, match="share"):
        ts.Monitor(Net(), X, store=tmp_path / "a", share=0)
    with pytest.raises(UsageError, match="cannot run on this data"):
        ts.Monitor(Net(), X[:, :3], store=tmp_path / "b", log="none")
    with pytest.raises(UsageError, match="known are 'auto', 'none' and tensorboard"):
        ts.Monitor(Net(), X, store=tmp_path / "c", log="papyrus")
    with pytest.raises(MissingExtraError, match="pip install mlflow"):
        ts.Monitor(Net(), X, store=tmp_path / "d", log="mlflow")


def test_an_interrupted_training_is_continued_only_when_asked(tmp_path):
    train(10, watch=watcher(tmp_path))
    with pytest.raises(UsageError, match=r"holds the steps 0, 10 of another training.*resume=True"):
        watcher(tmp_path)(Net())
    monitor = watcher(tmp_path, resume=True)(Net())
    for step in range(1, 25):
        monitor.step(step)
    monitor.close()
    assert monitor.series.steps == (0, 10, 20, 24)


def test_tensorboard_files_hold_the_numbers(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, monitor = train(watch=watcher(tmp_path, log="tensorboard"))
    events = EventAccumulator(str(tmp_path / "live" / "tensorboard")).Reload()
    name = "toposcope_lifespan_sum_H0/body.5"
    shown = [(e.step, e.value) for e in events.Scalars(name)]
    want = [(look["step"], look["values"][name]) for look in monitor.looks]
    assert [step for step, _ in shown] == [0, 10, 20, 30]
    np.testing.assert_allclose([v for _, v in shown], [v for _, v in want], rtol=1e-6)


def test_a_tracker_that_fails_does_not_lose_the_look(tmp_path):
    class Broken:
        name = "broken"

        def log(self, step, values):
            msg = "no network"
            raise ConnectionError(msg)

        def close(self):
            raise AssertionError

    def watch(model):
        monitor = watcher(tmp_path)(model)
        monitor._trackers.append(Broken())
        return monitor

    _, monitor = train(watch=watch)
    assert monitor.series.steps == (0, 10, 20, 30)
    assert ["no network" in f["reason"] for f in monitor.series.failures] == [True]


@pytest.mark.filterwarnings("ignore")  # Lightning's own advice about workers and loggers.
def test_lightning(tmp_path):
    pl = pytest.importorskip("lightning.pytorch")

    class Lit(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def training_step(self, batch, index):
            x, y = batch
            return nn.functional.cross_entropy(self.net(x), y)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def fit(watch):
        torch.manual_seed(5)
        lit = Lit()
        callbacks = [watcher(tmp_path)(lit.net).lightning()] if watch else []
        torch.manual_seed(6)
        data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
        loader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True)
        trainer = pl.Trainer(
            max_epochs=2,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=callbacks,
        )
        trainer.fit(lit, loader)
        return lit.net.state_dict()

    plain, watched = fit(watch=False), fit(watch=True)
    assert all(torch.equal(plain[k], watched[k]) for k in plain)
    assert ts.open_series(tmp_path / "live").steps == (0, 10, 20)


@pytest.mark.filterwarnings("ignore")  # The Trainer's own deprecations.
def test_hugging_face_trainer(tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def forward(self, x, labels):
            logits = self.net(x)
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    rows = [{"x": x, "labels": int(y)} for x, y in zip(X, Y, strict=True)]

    def fit(watch):
        torch.manual_seed(5)
        model = Named()
        callbacks = [watcher(tmp_path)(model.net).transformers()] if watch else []
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "out"),
            max_steps=20,
            per_device_train_batch_size=8,
            use_cpu=True,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=1,
        )
        transformers.Trainer(model, arguments, train_dataset=rows, callbacks=callbacks).train()
        return model.state_dict()

    plain, watched = fit(watch=False), fit(watch=True)
    assert all(torch.equal(plain[k], watched[k]) for k in plain)
    assert ts.open_series(tmp_path / "live").steps == (0, 10, 20)


def test_frameworks_are_not_imported_unasked(tmp_path):
    import subprocess

    code = (
        "import sys, toposcope as ts; ts.Monitor\n"
        "assert not {'torch', 'lightning', 'transformers', 'tensorboard'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
