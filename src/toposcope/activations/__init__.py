"""Activations of a network: which model, which data, which layers, and the capture itself.

`capture` is the front door, `capture_series` the same for every checkpoint of a training. A capture
is planned from one probing batch (capture_plan.py), run (forward_passes.py, through hooks.py) and
pooled per layer (pools/) into a RUN folder. `models/` holds what a MODEL argument may be, `data/`
what a DATA argument may be. layers.py lists what can be captured, and repeated_blocks.py and
attention_heads.py choose among it.

Everything that needs torch lives here and in `training/`, but for one file of `homology`.
"""
