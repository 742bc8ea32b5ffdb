"""What is said of groups of networks: each sentence of its own numbers and no others."""

import pandas as pd
import pytest

from toposcope.analysis.population import checked_configuration
from toposcope.errors import UsageError
from toposcope.words.population import _found_text


def _row(low, high, value=6.45):
    return {
        "layer": "block1",
        "effect": 3.0,
        "value": value,
        "low": low,
        "high": high,
        "adjusted_p": 0.029,
    }


@pytest.mark.parametrize(
    ("low", "high", "value", "said"),
    [
        (-0.79, 13.7, 6.45, "6.45 (0, 13.7] larger in a"),
        (-13.7, 0.79, -6.45, "6.45 (0, 13.7] larger in b"),
        (1.2, 11.7, 6.45, "6.45 [1.2, 11.7] larger in a"),
        (-11.7, -1.2, -6.45, "6.45 [1.2, 11.7] larger in b"),
    ],
)
def test_a_size_is_promised_where_the_interval_has_one(low, high, value, said):
    rows = [_row(low, high, value)]
    text = _found_text("activation", "b", "a", "H0 lifespan sum", rows, rows)
    assert said in text
    assert ("that it is above 0 the exact test shows" in text) == (low <= 0 <= high)


def test_columns_that_no_two_networks_share_are_not_advised_as_configuration():
    networks = pd.DataFrame(
        {"width": [8, 8, 16, 16], "seed": [0, 1, 0, 1], "accuracy": [0.5, 0.6, 0.7, 0.8]}
    )
    with pytest.raises(UsageError, match=r"configuration=\['width'\]"):
        checked_configuration(networks, None, call="population()")
