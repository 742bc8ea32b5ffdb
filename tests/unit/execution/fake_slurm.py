"""sbatch, squeue and scancel that run the elements of arrays here, in the background.

`FakeSlurm(folder)` puts the three commands into a folder for the PATH. Each takes the options that
the real one has and we use, and refuses every other one, as the real one does. What was asked for
is kept in `asked`; elements are files `jobs/ID_INDEX` that hold a process. A file `refuse` makes
sbatch say what is in it; a file `down` makes squeue fail.
"""

from __future__ import annotations

import sys
from pathlib import Path

COMMON = """#!{python} -IS
import os, re, signal, subprocess, sys, time
HERE = {here!r}
JOBS = os.path.join(HERE, "jobs")

def lives(pid):
    try:
        with open(f"/proc/{{pid}}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

def options(known, flags):
    found = {{}}
    words = sys.argv[1:]
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name in flags and not equals:
            found[name] = True
        elif name in known:
            found[name] = value if equals else words.pop(0)
        else:
            sys.exit(f"error: unrecognized option '{{word}}'")
    return found

def elements(name):
    for entry in os.listdir(JOBS):
        with open(os.path.join(JOBS, entry)) as file:
            pid, own = file.read().split()
        if own == name and lives(int(pid)):
            yield entry, int(pid)
"""

SBATCH = """
with open(os.path.join(HERE, "asked"), "a") as file:
    print(*sys.argv[1:], file=file)
if os.path.exists(os.path.join(HERE, "refuse")):
    sys.exit("sbatch: error: " + open(os.path.join(HERE, "refuse")).read())
found = options(
    ("--ntasks", "--cpus-per-task", "--partition", "--mem", "--time", "--account", "--job-name",
     "--array", "--output"),
    ("--parsable", "--no-requeue"),
)
script = sys.stdin.read()
assert script.startswith("#!"), script
job = str(1000 + sum(1 for _ in open(os.path.join(HERE, "asked"))))
first, last = map(int, re.fullmatch(r"(\\d+)-(\\d+)", found["--array"]).groups())
path = os.path.join(HERE, f"script-{job}")
with open(path, "w") as file:
    file.write(script)
os.chmod(path, 0o755)
memory = re.fullmatch(r"(\\d+)M?", found.get("--mem", "0"))[1]
for index in range(first, last + 1):
    out = found["--output"].replace("%A", job).replace("%a", str(index))
    own = {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": str(index)}
    if int(memory):
        own["SLURM_MEM_PER_NODE"] = memory
    with open(out, "w") as log:
        process = subprocess.Popen(
            [path], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, **own},
        )
    with open(os.path.join(JOBS, f".{job}_{index}"), "w") as file:
        file.write(f"{process.pid} {found['--job-name']}")
    os.rename(os.path.join(JOBS, f".{job}_{index}"), os.path.join(JOBS, f"{job}_{index}"))
print(job)
"""

SQUEUE = """
found = options(("--format", "--name"), ("--noheader", "--array"))
assert found["--format"] == "%i" and found["--noheader"] and found["--array"]
if os.path.exists(os.path.join(HERE, "down")):
    sys.exit("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
for element, _ in elements(found["--name"]):
    print(element)
"""

SCANCEL = """
found = options(("--name",), ())
for _, pid in elements(found["--name"]):
    try:
        os.killpg(pid, signal.SIGTERM)
    except OSError:
        pass
"""


class FakeSlurm:
    """Where the commands keep what they know.

    Parameters
    ----------
    folder
        An empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, folder / "bin"
        (folder / "jobs").mkdir(parents=True)
        self.bin.mkdir()
        common = COMMON.format(python=sys.executable, here=str(folder))
        for name, code in {"sbatch": SBATCH, "squeue": SQUEUE, "scancel": SCANCEL}.items():
            (self.bin / name).write_text(common + code)
            (self.bin / name).chmod(0o755)

    def asked(self) -> list[str]:
        """Words of every call of sbatch."""
        file = self.folder / "asked"
        return file.read_text().splitlines() if file.exists() else []

    def elements(self) -> dict[str, int]:
        """The process of every element there was."""
        files = [file for file in (self.folder / "jobs").iterdir() if file.name[0] != "."]
        return {file.name: int(file.read_text().split()[0]) for file in files}
