"""Activations of a network: which layers, which model, which data, and the capture itself.

Everything that needs torch lives here and in `training/`. The public functions are `capture`
(run.py), `list_layers` and `select_layers` (layers.py), `load_model` (models.py), `load_data`
and `sample` (data.py) and `record` (hooks.py).
"""
