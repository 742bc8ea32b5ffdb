"""A network that other threads use while it is captured."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

import toposcope as ts

X = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))


def test_requests_that_it_answers_meanwhile_are_not_captured():
    model = network().eval()
    alone = ts.capture(model, X, layers="all", batch_size=10)
    stop, answered = threading.Event(), []

    def answer() -> None:
        # As many rows as a batch has, so that nothing but their values tells them apart.
        requests = torch.full((10, 6), 100.0)
        while not stop.is_set():
            with torch.no_grad():
                model(requests)
            answered.append(1)

    server = threading.Thread(target=answer)
    server.start()
    try:
        for _ in range(5):
            beside = ts.capture(model, X, layers="all", batch_size=10)
            for layer in alone.layers:
                np.testing.assert_array_equal(beside[layer], alone[layer])
    finally:
        stop.set()
        server.join()
    assert len(answered) > 20


def test_captures_in_threads_take_turns():
    model = network().train()
    alone = ts.capture(model, X, layers="all", batch_size=10)
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda _: ts.capture(model, X, layers="all", batch_size=10), range(8)))
    for one in many:
        for layer in alone.layers:
            np.testing.assert_array_equal(one[layer], alone[layer])
    assert all(module.training for module in model.modules())


def test_heads_of_attention_see_their_own_thread():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    data = np.random.default_rng(1).normal(size=(40, 5, 8)).astype(np.float32)
    alone = ts.capture(model, data, layers="heads", batch_size=10, pool="flatten")
    stop = threading.Event()

    def answer() -> None:
        while not stop.is_set():
            with torch.no_grad():
                model(torch.full((10, 5, 8), 3.0))

    server = threading.Thread(target=answer)
    server.start()
    try:
        beside = ts.capture(model, data, layers="heads", batch_size=10, pool="flatten")
    finally:
        stop.set()
        server.join()
    for name in alone.layers:
        np.testing.assert_allclose(beside[name], alone[name], rtol=1e-5, atol=1e-6)
