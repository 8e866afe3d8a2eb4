"""Times of PyTorch's calls: CUDA graphs or events on a GPU of NVIDIA or AMD, the host's clock elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch

from results import relative_iqr, summary, warning

# A call shorter than this is timed within a CUDA graph, or the host's time to launch it would be measured. A longer one is not: a
# graph copies 1 GiB on the copy engine, at 2713 GB/s on an H200, where a call by itself copies at 4150 GB/s and more.
SHORT_S = 3e-4

# Work between two waits while a device is woken: samples of 5 ms with waits between them do not wake every GPU.
BURST_S = 0.03

# A device that is slower than before by more than this has drifted.
DRIFT = 0.03


def sampling(device: str, seconds: float) -> dict:
    """Settings, as a file of results has them."""
    return {
        "warm_up_s": 0.5 if device != "cpu" else 0.2,
        "warm_up_max_s": 2.0,
        "plateau_samples": 3,
        "plateau_tolerance": 0.03,
        # Nothing is subtracted from the host's clock, so that its samples are longer where a wait costs time.
        "sample_min_s": 0.05 if device == "mps" else 0.005,
        "dispatch_cap_s": 1.0,
        "max_repeats": 4096,
        "min_samples": 20,
        "min_time_s": seconds,
        "target_relative_iqr": 0.01,
        "max_samples": 1000,
        "max_time_s": max(15.0, 3 * seconds),
    }


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


@dataclass
class Measured:
    """Times of one call, in seconds."""

    time_s: dict
    wall_s: dict
    repeats: int
    discarded: int
    clock: str
    how: str
    warnings: list[dict] = field(default_factory=list)


def sample(enqueue, device: str) -> tuple[float, float]:
    """Seconds that queued work takes, by the clock of the device and by the clock of the host."""
    synchronize(device)
    begin = time.perf_counter()
    if device != "cuda":
        enqueue()
        synchronize(device)
        wall = time.perf_counter() - begin
        return wall, wall
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    enqueue()
    end.record()
    end.synchronize()
    wall = time.perf_counter() - begin
    return start.elapsed_time(end) * 1e-3, wall


class Executor:
    """Executes a call as often in a row as one sample needs."""

    def __init__(self, call, device: str, settings: dict):
        self.call, self.device, self.graph, self.repeats = call, device, None, 1
        # The first times include what a library does once.
        each = min(self.sample()[0] for _ in range(4))
        for _ in range(2):
            self.repeats = self.fitting(each, settings)
            each = self.sample()[0]
        if device == "cuda" and each < SHORT_S:
            self.graph = captured(call, self.repeats)
        if self.graph is not None:
            # Without the host's part a call is shorter, and more of them fill a sample.
            each = min(self.sample()[0] for _ in range(3))
            fitting = self.fitting(each, settings)
            if fitting > 1.2 * self.repeats:
                self.graph, self.repeats = captured(call, fitting), fitting

    @staticmethod
    def fitting(each: float, settings: dict) -> int:
        """Calls that fill a sample."""
        return max(1, min(settings["max_repeats"], round(settings["sample_min_s"] / each + 0.5)))

    def enqueue(self) -> None:
        if self.graph is not None:
            self.graph.replay()
            return
        for _ in range(self.repeats):
            self.call()

    def sample(self) -> tuple[float, float]:
        """Seconds of one call."""
        device, wall = sample(self.enqueue, self.device)
        return device / self.repeats, wall / self.repeats

    def how(self) -> str:
        calls = "1 call" if self.repeats == 1 else f"{self.repeats} calls"
        if self.graph is not None:
            return f"CUDA events around a CUDA graph of {calls}"
        if self.device == "cuda":
            return f"CUDA events around {calls}"
        return f"host's clock around {calls} and the wait, nothing subtracted"


def captured(call, repeats: int):
    """A CUDA graph of calls; nothing where the call cannot be captured, as one that waits for the device."""
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    try:
        with torch.cuda.stream(stream):
            for _ in range(3):
                call()
        torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(graph):
            for _ in range(repeats):
                call()
        graph.replay()
        torch.cuda.synchronize()
    except RuntimeError:
        return None
    return graph


class FixedWork:
    """A product of fixed size, which wakes the device and shows whether its rate has changed."""

    def __init__(self, device: str):
        self.device, self.best, self.count = device, float("inf"), 16
        if device == "cpu":
            return
        self.a, self.b = (torch.rand(2048, 2048, device=device) for _ in range(2))
        self.c = torch.empty_like(self.a)
        self.wake(1.5)

    def enqueue(self) -> None:
        for _ in range(self.count):
            torch.mm(self.a, self.b, out=self.c)

    def burst(self) -> float:
        """Seconds of one product."""
        each = sample(self.enqueue, self.device)[0] / self.count
        self.count = max(1, min(4096, round(BURST_S / each)))
        return each

    def wake(self, seconds: float = 0.5) -> None:
        """Dense work for at least so long."""
        if self.device == "cpu":
            return
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            self.best = min(self.best, self.burst())

    def drift(self) -> list[dict]:
        """A warning where the device is no longer as fast as it was."""
        if self.device == "cpu":
            return []
        now = self.burst()
        if now <= self.best * (1 + DRIFT):
            return []
        text = f"fixed work took {now:.3e} s after the measurement, {self.best:.3e} s at best"
        return [warning("clock_drift", f"{text}; let the device cool or fix its clock rate, and run again")]


def measure(call, device: str, settings: dict, fixed: FixedWork) -> Measured:
    """Warms up by time and plateau, then samples until the spread is small or time is over."""
    executor = Executor(call, device, settings)
    fixed.wake()
    discarded, recent, begin = 0, [], time.perf_counter()
    while True:
        passed = time.perf_counter() - begin
        last = recent[-settings["plateau_samples"]:]
        is_even = len(last) == settings["plateau_samples"] and max(last) <= min(last) * (
            1 + settings["plateau_tolerance"]
        )
        if passed >= settings["warm_up_s"] and (is_even or passed >= settings["warm_up_max_s"]):
            break
        # Several samples' work between two waits keeps the device busy.
        for _ in range(4):
            executor.enqueue()
        recent.append(executor.sample()[0])
        discarded += 5
    times, walls, begin = [], [], time.perf_counter()
    while len(times) < settings["max_samples"]:
        seconds, wall = executor.sample()
        times.append(seconds)
        walls.append(wall)
        spent = sum(times) * executor.repeats
        if time.perf_counter() - begin >= settings["max_time_s"]:
            break
        if len(times) < settings["min_samples"] or spent < settings["min_time_s"]:
            continue
        if relative_iqr(summary(times)) <= settings["target_relative_iqr"] or spent >= 3 * settings["min_time_s"]:
            break
    clock = "gpu_timestamp" if device == "cuda" else "wall"
    return Measured(
        summary(times), summary(walls), executor.repeats, discarded, clock, executor.how(), fixed.drift()
    )
