"""A standalone Spark on the loopback of this machine: a master and workers, each a process of its own."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

_LONGEST_SECONDS = 60
LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])


@contextmanager
def standalone(folder: Path, workers: int, memory: str) -> Iterator[str]:
    """A master and `workers` workers of one core each, for as long as the block lasts. Gives the master's address."""
    import pyspark

    launcher = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
    port = free_port()
    address = f"spark://{LOOPBACK}:{port}"
    master = ["org.apache.spark.deploy.master.Master", "--host", LOOPBACK, "--port", str(port), "--webui-port", "0"]
    worker = ["org.apache.spark.deploy.worker.Worker", "--host", LOOPBACK, "--cores", "1", "--memory", memory]
    with ExitStack() as running:
        running.enter_context(_process([launcher, *master], folder / "master.log"))
        _wait_for(folder / "master.log", "I have been elected leader")
        for number in range(workers):
            work, log = folder / f"worker-{number}", folder / f"worker-{number}.log"
            arguments = [launcher, *worker, "--webui-port", "0", "--work-dir", str(work), address]
            running.enter_context(_process(arguments, log))
            _wait_for(log, "Successfully registered with master")
        yield address


@contextmanager
def _process(arguments: list[str], log: Path) -> Iterator[None]:
    env = {**os.environ, "SPARK_LOCAL_IP": LOOPBACK}
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, env=env, stdout=out, stderr=out, start_new_session=True, umask=0o077)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(_LONGEST_SECONDS)


def _wait_for(log: Path, words: str) -> None:
    until = time.monotonic() + _LONGEST_SECONDS
    while words not in log.read_text(encoding="utf-8", errors="replace"):
        assert time.monotonic() < until, f"{log.name} never said: {words}"
        time.sleep(0.2)
