"""A real S3 server for tests: moto's, started by its own command, and what it was asked."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

BUCKET = "bucket"


class S3Server:
    """moto's S3 server in a process of its own, on loopback, with one bucket."""

    def __init__(self, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{self.port}", log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + 60
        while True:
            try:
                made = urllib.request.Request(f"{self.url}/{BUCKET}", method="PUT")
                urllib.request.urlopen(made, timeout=10).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError(log.read_text()[-2000:]) from None
                time.sleep(0.05)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to know of it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }

    def requests(self, prefix: str = "") -> list[tuple[str, str, int]]:
        """(method, key, status) of every request about a key that begins so."""
        line = re.compile(rf'"(\w+) /{BUCKET}/([^ ?"]*)[^"]*" (\d+)')
        found = (line.search(one) for one in self.log.read_text(errors="replace").splitlines())
        return [(m[1], m[2], int(m[3])) for m in found if m and m[2].startswith(prefix)]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
