"""A small client: one connection a request, so that no worker is favoured; times in milliseconds."""

import http.client
import statistics
import threading
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    port: int
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: bytes = b""

    def ask(self) -> float:
        """Milliseconds of one request; anything but 200 is a failed measurement."""
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(self.method, self.path, self.body or None, self.headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise AssertionError(f"{self.path} answered {answer.status}")
        return (time.perf_counter() - started) * 1000


def interleaved(targets: dict[str, Target], rounds: int) -> dict[str, float]:
    """Median milliseconds of each target; they take turns, so that a slow minute hits them all."""
    times: dict[str, list[float]] = {name: [] for name in targets}
    for name, target in targets.items():
        for _ in range(5):
            target.ask()
        assert name
    for _ in range(rounds):
        for name, target in targets.items():
            times[name].append(target.ask())
    return {name: statistics.median(found) for name, found in times.items()}


def throughput(target: Target, clients: int, requests: int) -> float:
    """Requests a second with this many clients at once."""
    left = threading.Semaphore(requests)
    failures: list[BaseException] = []

    def work() -> None:
        while left.acquire(blocking=False):
            try:
                target.ask()
            except BaseException as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return requests / (time.perf_counter() - started)
