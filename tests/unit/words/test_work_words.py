"""What is said of work that goes on, and of work that is to begin, where it is true."""

from dataclasses import replace

import pytest

from toposcope.analysis.forecast import Forecast
from toposcope.words.forecasts import forecast_line
from toposcope.words.work import work_text

RUNNING = {
    "title": "analyze",
    "tasks": 40,
    "done": 9,
    "failed": 1,
    "state": "running",
    "executor": "Processes(2)",
    "per_second": 0.5,
    "seconds_left": 60.0,
    "in_flight": ["layer1, replicate 3"],
    "seconds_silent": 2.0,
}
AHEAD = Forecast(40, 8, 2, 90.0, 47.0, 2**29, 0, 2**23, 2**34, 2**36, probed=4.0)


@pytest.mark.parametrize(
    ("says", "where_true", "where_false"),
    [
        ("running on Processes(2)", {}, {"state": "finished"}),
        ("9 of 40 tasks done, 1 failed", {}, {"done": 10}),
        ("0.5 a second", {}, {"state": "stopped"}),
        ("about 60 s left", {}, {"seconds_left": None}),
        ("time left not known yet", {"seconds_left": None}, {}),
        ("(now layer1, replicate 3)", {}, {"in_flight": []}),
        ("nothing was heard of it for", {"state": "stopped"}, {}),
    ],
)
def test_work_that_goes_on(says, where_true, where_false):
    assert says in work_text({**RUNNING, **where_true})
    assert says not in work_text({**RUNNING, **where_false})


@pytest.mark.parametrize(
    ("says", "where_true", "where_false"),
    [
        ("32 of 40 tasks", {}, {"done": 0}),
        ("40 tasks", {"done": 0}, {"tasks": 41, "done": 0}),
        ("1 task,", {"tasks": 1, "done": 0}, {"tasks": 2, "done": 0}),
        ("about 47 s", {}, {"probed": 0.0}),
        ("roughly 47 s", {"probed": 0.0}, {}),
        ("2 workers of 0.5 GiB", {}, {"workers": 1}),
        ("one worker of 0.5 GiB", {"workers": 1}, {}),
        ("(16.0 GiB available)", {}, {"available_bytes": 2**33}),
        ("8 MiB on disk", {}, {"disk_bytes": 2**24}),
    ],
)
def test_work_that_is_to_begin(says, where_true, where_false):
    assert says in forecast_line(replace(AHEAD, **where_true))
    assert says not in forecast_line(replace(AHEAD, **where_false))
