"""Promises with the tests behind them, how often each was run, and what failed.

Run: make guarantees, or python docs/guarantees.py [WORD...] for the promises with such a word; with
TOPOSCOPE_FAULTS=1 the long tests of tests/faults too; or --junit FILE.xml... for what ran already
(`pytest -o junit_family=xunit1 --junitxml=FILE.xml`). Counts are kept in docs/guarantees.json; the
tables of docs/guarantees.md are written from them.

A test counts its cases, and the tries that it records (`record_property("tries", ...)`) instead.
What a time limit ended is a failure, and said to be one of that kind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE, COUNTS = ROOT / "docs" / "guarantees.md", ROOT / "docs" / "guarantees.json"

PROMISES = {
    "Nothing finished is lost": [
        (
            "a capture, an analysis or a comparison that is killed at any moment and run again "
            "ends with the same digest, and repeats no finished task",
            "tests/e2e/test_analyze.py::test_killed_at_any_moment_and_run_again_gives_the_same_digest",
            "tests/e2e/test_cli.py::test_capture_killed_at_any_moment_ends_with_the_same_digest",
            "tests/e2e/test_compare_resume.py::"
            "test_a_killed_comparison_continues_and_its_tables_are_the_same",
        ),
        (
            "no fault of disk, driver or worker gives a wrong value or loses finished work "
            "(simulated; counted are the faults)",
            "tests/unit/execution/test_simulation.py",
            "tests/faults/test_simulation.py",
        ),
        (
            "whatever is killed, full, spoiled or shared: a call returns what the model says, or "
            "an error of ours (real folders; counted are the calls)",
            "tests/unit/store/test_machine.py",
            "tests/faults/test_machine.py",
        ),
        (
            "a full disk ends with path and bytes, and the same command continues",
            "tests/e2e/test_cli.py::test_a_full_disk_ends_with_a_message_and_continues_later",
            "tests/unit/store/test_store.py::test_a_full_disk_says_what_to_do_and_leaves_no_debris",
        ),
        (
            "a worker that dies costs an attempt of one task; what kills its workers is recorded "
            "as failed while everything else is done",
            "tests/unit/execution/test_workbook.py",
        ),
        ("stores of every schema version open", "tests/e2e/test_archives.py"),
    ],
    "Nothing wrong is used": [
        (
            "any bit of any file of a RUN, SERIES, comparison or ranking: verify says it, and no "
            "reader uses it",
            "tests/unit/store/test_every_file.py",
            "tests/faults/test_integrity.py",
        ),
        (
            "numbers do not depend on workers, order or engine",
            "tests/unit/execution/test_executors.py",
            "tests/unit/execution/test_identity.py",
        ),
        (
            "a capture holds what the bare forward pass gives, and only its own thread's",
            "tests/unit/activations/test_capture_truths.py",
            "tests/unit/activations/test_shared_networks.py",
        ),
        (
            "diagrams are those of other programs on random clouds",
            "tests/unit/homology/test_homology_oracles.py",
        ),
    ],
    "Nothing of a stranger is executed": [
        (
            "any change of a stored file is an error of ours that names it",
            "tests/unit/store/test_hostile_stores.py",
            "tests/faults/test_fuzz.py",
        ),
        (
            "parsers of stores, plans, claims, TOML, tables and safetensors headers: any input is "
            "read or an error of ours (counted are the inputs)",
            "tests/unit/store/test_parsers.py",
            "tests/faults/test_parsers.py",
            "tests/faults/test_readers.py",
            "tests/faults/test_coverage.py",
        ),
        (
            "weights, archives, pictures, TOML and safetensors headers: bombs and lies are refused",
            "tests/unit/activations/test_hostile_files.py",
            "tests/unit/activations/test_checkpoint_forms.py",
        ),
        (
            "workers import nothing of the folder they start in",
            "tests/unit/execution/test_integrity_of_workers.py",
        ),
        (
            "names stay text in pages, terminals and tables",
            "tests/e2e/test_report_browser.py::test_hostile_names_stay_text",
            "tests/e2e/test_comparison_browser.py::test_hostile_names_stay_text",
            "tests/unit/reporting/test_reporting.py::"
            "test_hostile_names_are_escaped_in_markup_and_data",
            "tests/unit/reporting/test_ranking_page.py::test_page_is_written_and_escapes_names",
            "tests/unit/reporting/test_hostile_pages.py",
        ),
        ("the kernel cache is private and checked", "tests/unit/homology/test_kernel_files.py"),
    ],
    "What it takes is said before": [
        (
            "memory within [0.8, 2], refusals with ways out that work, time left that follows",
            "tests/unit/analysis/test_forecast.py",
            "tests/unit/execution/test_forecasts.py",
            "tests/unit/execution/test_ways_out.py",
        ),
    ],
}

OUTSIDE = "tests/unit/test_from_outside.py::"
EVERY, HOSTILE = "tests/unit/store/test_every_file.py", "tests/unit/store/test_hostile_stores.py"
FILES = "tests/unit/activations/test_hostile_files.py"
WORKERS = "tests/unit/execution/test_integrity_of_workers.py"
WORKBOOK, BUDGETS = "tests/unit/execution/test_workbook.py", "tests/unit/execution/test_budgets.py"
DASK, FORECAST = "tests/unit/execution/test_dask.py", "tests/unit/analysis/test_forecast.py"
FOUND = {
    "D1 verify was blind": [
        f"{EVERY}::test_every_file_is_under_a_hash_and_nothing_damaged_is_used",
        f"{EVERY}::test_two_files_that_changed_places_are_found",
        f"{HOSTILE}::test_the_seal_of_an_analysis_names_the_run_it_was_made_from",
    ],
    "D2 damaged intermediate files were used": [
        f"{EVERY}::test_every_file_is_under_a_hash_and_nothing_damaged_is_used"
    ],
    "D3 passes of other threads were captured": ["tests/unit/activations/test_shared_networks.py"],
    "D4 memory and time were predicted far too low": [
        f"{FORECAST}::test_memory_of_a_worker_is_what_was_said",
        f"{FORECAST}::test_many_small_layers_are_no_matter_of_a_second",
        f"{FORECAST}::test_what_cannot_fit_is_refused_at_once_with_numbers_and_ways_out",
    ],
    "D5 a task that hangs hung the run": [f"{BUDGETS}::test_is_stopped_and_the_others_go_on"],
    "D6 a death before submit ended the run": [
        f"{BUDGETS}::test_between_two_tasks_costs_nothing",
        f"{WORKBOOK}::test_whatever_dies_at_any_moment",
    ],
    "D7 workers imported what lay in the folder, pictures started programs": [
        f"{WORKERS}::test_workers_import_nothing_of_the_folder_they_are_started_in",
        f"{FILES}::test_no_program_is_started_for_a_picture",
    ],
    "D8 rank took no lock": [f"{OUTSIDE}test_a_ranking_that_another_process_writes_is_not_touched"],
    "D9 the kernel cache": ["tests/unit/homology/test_kernel_files.py"],
    "D10 tracebacks on bad files": [
        f"{HOSTILE}::test_any_change_of_a_store_is_an_error_of_ours",
        f"{HOSTILE}::test_a_pipe_is_not_waited_for",
        f"{HOSTILE}::test_huge_numbers_and_deep_nesting_name_the_file",
        f"{FILES}::test_any_change_of_a_file_is_an_error_of_ours",
        "tests/unit/activations/test_long_names.py",
    ],
    "D11 archives without limit": [
        f"{FILES}::test_bombs_are_refused_before_they_unpack",
        f"{FILES}::test_bombs_take_no_memory",
    ],
    "D12 links were followed": [f"{HOSTILE}::test_links_that_lead_out_are_not_followed"],
    "D13 reasons were lost": [
        f"{WORKERS}::test_the_reason_of_a_failure_survives_whatever_class_it_has"
    ],
    "D14 a stranger's command was advice": [f"{HOSTILE}::test_a_strangers_command_is_no_advice"],
    "D15 compare checked late": [f"{OUTSIDE}test_compare_refuses_its_numbers_before_any_work"],
    "D16 leaked semaphores were told": [f"{OUTSIDE}test_workers_that_die_leave_no_warning_behind"],
    "D17 leftovers stayed": [f"{HOSTILE}::test_what_a_killed_writer_left_is_removed_by_the_next"],
    "D18 a full disk without path": [
        f"{OUTSIDE}test_a_full_disk_is_told_by_rank_with_its_path_and_bytes",
        "tests/unit/store/test_store.py::test_a_full_disk_says_what_to_do_and_leaves_no_debris",
    ],
    "D19 terminal escapes": [f"{OUTSIDE}test_names_move_no_cursor"],
    "D20 a wrong reason": [f"{OUTSIDE}test_a_norm_beyond_numbers_says_so"],
    "D21 a finished read-only analysis failed": [
        f"{HOSTILE}::test_a_finished_analysis_of_a_read_only_run_is_returned"
    ],
    "D22 no shared memory, no hint": [
        f"{WORKERS}::test_loky_without_shared_memory_says_what_to_do",
        f"{WORKERS}::test_where_no_process_can_be_started_it_says_what_to_do",
    ],
}


SIMULATED, HARMED = "tests/faults/test_simulation.py", "tests/faults/test_integrity.py"
KILLED = [one for one in PROMISES["Nothing finished is lost"][0] if one.startswith("tests/")]
PAGES = [one for one in PROMISES["Nothing of a stranger is executed"][4] if "/" in one[:6]]
MODEL = {
    "1 the driver is killed": [*KILLED, f"{WORKBOOK}::test_no_finished_task_is_repeated"],
    "2 a worker is killed": [f"{WORKBOOK}::test_one_costs_at_most_a_window", DASK],
    "3 a task that kills its worker": [
        f"{WORKBOOK}::test_poison_is_recorded_and_everything_else_is_done"
    ],
    "4 both at once": [f"{WORKBOOK}::test_whatever_dies_at_any_moment", BUDGETS],
    "5 the scheduler of Dask is killed": [
        f"{DASK}::test_a_scheduler_that_is_killed_ends_the_run_and_what_is_done_is_kept"
    ],
    "6 memory beyond the budget": [
        f"{BUDGETS}::test_is_tried_once_more_with_a_larger_claim_and_recorded"
    ],
    "7 a task that hangs": [f"{BUDGETS}::test_is_stopped_and_the_others_go_on"],
    "8 no process is left behind": [f"{WORKBOOK}::test_their_workers_end_with_them"],
    "9 any number of workers, any engine": [
        f"{WORKBOOK}::test_on_any_executor_and_nothing_again",
        f"{DASK}::test_local_on_any_number_of_workers_without_news_of_its_own",
    ],
    "10 any order and window": [SIMULATED],
    "11 a task delivered twice": [
        f"{WORKBOOK}::test_a_published_task_is_done_though_the_message_that_says_so_is_lost",
        SIMULATED,
    ],
    "12 a full disk": [
        one for one in PROMISES["Nothing finished is lost"][3] if one.startswith("tests/")
    ],
    "13 the k-th write fails": ["tests/unit/execution/test_simulation.py", SIMULATED],
    "14 cut files": [EVERY, HARMED],
    "15 flipped bits": [EVERY, HARMED],
    "16 lost, swapped and foreign files": [HARMED],
    "17 what cannot fit is refused in a second": [
        f"{FORECAST}::test_what_cannot_fit_is_refused_at_once_with_numbers_and_ways_out",
        "tests/unit/execution/test_ways_out.py",
    ],
    "18 memory as predicted (grid in forecast.md)": [
        f"{FORECAST}::test_memory_of_a_worker_is_what_was_said"
    ],
    "19 values that are not finite": [
        "tests/e2e/test_cli.py::test_non_finite_layers_are_named_and_others_are_measured"
    ],
    "20 constant, repeated and empty clouds": [
        "tests/unit/analysis/test_duplicates.py",
        "tests/e2e/test_compare.py::test_constant_and_non_finite_layers_have_a_status_and_a_reason",
    ],
    "21 too few points": ["tests/unit/analysis/test_few_points.py"],
    "22 near duplicates": [
        "tests/unit/homology/test_homology_oracles.py::test_large_clouds_keep_near_duplicates_apart"
    ],
    "23 truths of hooks": [
        "tests/unit/activations/test_capture_truths.py",
        "tests/unit/activations/test_hooks.py",
        "tests/unit/activations/test_shared_networks.py",
    ],
    "24 constant memory of a capture": [
        "tests/unit/activations/test_capture_truths.py::"
        "test_memory_does_not_grow_with_what_is_captured"
    ],
    "25 malicious files": [FILES, "tests/unit/activations/test_checkpoint_forms.py"],
    "26 fuzzed settings": [
        "tests/faults/test_coverage.py",
        "tests/unit/store/test_parsers.py",
        "tests/faults/test_parsers.py",
        "tests/faults/test_readers.py",
    ],
    "27 markup in names": PAGES,
    "28 escapes of terminals": [f"{OUTSIDE}test_names_move_no_cursor"],
    "29 tests under the null": [
        "tests/unit/stats/test_stats_calibration.py::test_p_is_uniform_under_the_null",
        "tests/unit/stats/test_stats_calibration.py::test_false_discoveries_stay_below_q",
    ],
    "30 oracles": ["tests/unit/homology/test_homology_oracles.py"],
}
"""The tests that the fault model asked for before there was any code."""


def nodes() -> list[str]:
    """Every test that stands behind something."""
    promised = [node for rows in PROMISES.values() for _, *tests in rows for node in tests]
    asked = [node for rows in (FOUND, MODEL) for tests in rows.values() for node in tests]
    return list(dict.fromkeys([*promised, *asked]))


LIMIT = 3600
"""Seconds that all cases of a test may take here."""


def run(node: str) -> dict[str, int]:
    """Times run and failures of a test."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place, "report.xml")
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", node]
        words += [f"--junitxml={report}", "-o", "junit_family=xunit1"]
        try:
            subprocess.run(words, cwd=ROOT, stdout=subprocess.DEVNULL, check=False, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            return dict(STOPPED)
        # Without a report the process ended in a test: that is how its time limit ends it.
        return counted(ET.parse(report).iter("testcase")) if report.exists() else dict(STOPPED)


STOPPED = {"times": 0, "failures": 1, "skipped": 0, "stopped": 1}


def counted(cases: Iterable[ET.Element]) -> dict[str, int]:
    """Times run, failures, skipped cases, and failures by a time limit."""
    found = {"times": 0, "failures": 0, "skipped": 0, "stopped": 0}
    for case in cases:
        if case.find("skipped") is not None:
            found["skipped"] += 1
            continue
        tries = [one.get("value") for one in case.iter("property") if one.get("name") == "tries"]
        found["times"] += int(tries[0]) if tries and tries[0] else 1
        wrong = [one for kind in ("failure", "error") for one in case.iter(kind)]
        found["failures"] += bool(wrong)
        found["stopped"] += any("Timeout" in (one.get("message") or "") for one in wrong)
    return found


def from_reports(paths: Iterable[Path]) -> dict[str, dict[str, int]]:
    """Counts of every test whose cases stand in some reports; a later report replaces a case."""
    cases: dict[tuple[str, str], ET.Element] = {}
    for path in paths:
        for case in ET.parse(path).iter("testcase"):
            file = case.get("file") or f"{case.get('classname', '').replace('.', '/')}.py"
            cases[file, case.get("name") or ""] = case
    found = {}
    for node in nodes():
        file, _, name = node.partition("::")
        own = [
            case
            for (where, which), case in cases.items()
            if where == file and name in ("", which.partition("[")[0])
        ]
        if own:
            found[node] = counted(own)
    return found


def told(tests: list[str], counts: dict[str, dict[str, int]]) -> str:
    """The cells of a row: tests, times, failures."""
    found = [counts[node] for node in tests if node in counts]
    links = "<br>".join(f"`{node.removeprefix('tests/').replace('::', ' ')}`" for node in tests)
    if len(found) < len(tests):
        missing = len(tests) - len(found)
        links += f"<br>({missing} of {len(tests)} not run here)"
    times, failures, stopped, skipped = (
        sum(one.get(key, 0) for one in found) for key in ("times", "failures", "stopped", "skipped")
    )
    if skipped:
        links += f"<br>({skipped} cases skipped here)"
    wrong = f"{failures} ({stopped} by a time limit)" if stopped else f"{failures}"
    return f"{links or 'none yet'} | {times:,} | {wrong if found else '-'}"


def tables(counts: dict[str, dict[str, int]]) -> dict[str, str]:
    """The tables of the page by their names."""
    promises = ["| promise | tests | times run | failures |", "|---|---|---|---|"]
    for title, rows in PROMISES.items():
        promises.append(f"| **{title}** | | | |")
        promises += [f"| {promise} | {told(tests, counts)} |" for promise, *tests in rows]
    outside = ["| found from outside | test | times run | failures |", "|---|---|---|---|"]
    outside += [f"| {what} | {told(tests, counts)} |" for what, tests in FOUND.items()]
    model = ["| asked for | tests | times run | failures |", "|---|---|---|---|"]
    model += [f"| {what} | {told(tests, counts)} |" for what, tests in MODEL.items()]
    found = {"promises": promises, "outside": outside, "model": model}
    return {name: "\n".join(lines) for name, lines in found.items()}


def main(words: list[str]) -> int:
    """Run the tests, keep the counts, write the tables; the number of failures."""
    counts = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    counts = {node: counts[node] for node in nodes() if node in counts}
    if words[:1] == ["--junit"]:
        counts |= from_reports(map(Path, words[1:]))
        COUNTS.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n")
        words = ["none"]
    long = bool(os.environ.get("TOPOSCOPE_FAULTS"))
    chosen = [
        node
        for node in nodes()
        if (long or not node.startswith("tests/faults"))
        and (not words or any(word in node for word in words))
    ]
    for node in [] if words == ["none"] else chosen:
        counts[node] = run(node)
        print(node, counts[node], flush=True)
        COUNTS.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n")
    text = PAGE.read_text()
    for name, table in tables(counts).items():
        begin, end = f"<!-- guarantees: {name} -->", "<!-- end -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table}\n{end}{rest.split(end, 1)[1]}"
    PAGE.write_text(text)
    return sum(one["failures"] for one in counts.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
