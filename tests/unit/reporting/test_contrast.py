"""Lines that a figure is read by: a contrast of 3:1 or more against their paper."""

import re

import pytest

from toposcope.reporting.colors import HUES, PAPER, contrast, mix, run_styles
from toposcope.reporting.page import static


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_no_checkpoint_is_too_pale_and_steps_are_told_apart(count):
    """The earliest ones were drawn at 1.8:1."""
    attrs = [{"model": f"net {i}", "step": step} for i in range(len(HUES)) for step in range(count)]
    styles = run_styles(attrs)
    for side, paper in zip(("light", "dark"), PAPER, strict=True):
        colors = [getattr(style, side) for style in styles]
        assert min(contrast(color, paper) for color in colors) >= 3
        assert len(set(colors)) == len(colors)
        for i in range(len(HUES)):
            ramp = [contrast(color, paper) for color in colors[i * count : (i + 1) * count]]
            assert ramp == sorted(ramp)
            assert count == 1 or ramp[-1] > 1.7 * ramp[0]


def test_papers_nulls_and_thin_lines_are_those_of_the_style_sheet():
    css = static("report.css")
    assert re.findall(r"--paper: (#\w{6})", css)[:2] == list(PAPER)
    nulls = re.findall(r"--null: (#\w{6})", css)[:2]
    thin = float(re.search(r"\.curves polyline \{[^}]*opacity: ([\d.]+)", css).group(1))
    for k, paper in enumerate(PAPER):
        assert contrast(nulls[k], paper) >= 3
        for hue in HUES:  # a network of a population
            assert contrast(mix(hue[k], paper, thin), paper) >= 3
