"""One session of measurements with PyTorch on one device."""

from __future__ import annotations

import platform
import sys
import warnings

import torch

import calls
import results
import shapes
import timing
from verification import verify

# Bytes of each of the two buffers that memory is measured with, and the part of all memory that both may take.
COPY_BYTES = 1 << 30
COPY_PART = 8


class Session:
    """The report, and what is needed to add rows to it."""

    def __init__(self, given, suite: str):
        self.given, self.device = given, given.device or first_device()
        torch.set_float32_matmul_precision("highest")
        torch.set_grad_enabled(False)
        if self.device == "cuda":
            # Sums of products of f16 in f32, as ridgepoint's are.
            torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
        self.settings = timing.sampling(self.device, given.seconds)
        self.report = {
            "schema": "ridgepoint.run/1",
            "tool": {"name": "PyTorch", "version": torch.__version__, "commit": (torch.version.git_version or "unknown")[:12]},
            "host": results.host(),
            "adapter": adapter(self.device),
            "settings": {
                "suite": suite,
                "operations": given.only.split(",") if given.only else [],
                "kernels": [],
                "seed": given.seed,
                "checks": "off",
                "sampling": self.settings,
                "shader_hashes": {},
                "tuning": None,
                "note": "; ".join(filter(None, (versions(self.device), given.note))),
            },
            "ceilings": [],
            "rows": [],
            "warnings": [],
        }
        self.fixed = timing.FixedWork(self.device)

    @staticmethod
    def incomplete(number: int, count: int) -> dict:
        return results.warning(
            "incomplete", f"only {number + 1} of {count} problems were measured; run it again to its end for the others"
        )

    def measure_copy(self) -> None:
        """The ceiling of memory: a copy between buffers that no cache holds, each byte once."""
        if self.given.only and "copy" not in self.given.only.split(","):
            return
        size = min(COPY_BYTES, memory_bytes(self.device) // (2 * COPY_PART))
        if self.device == "cpu":
            size = min(size, 256 << 20)
        data = calls.Data(self.device, self.given.seed)
        source = data.uniform(size // 4, dtype="f32")
        target = torch.empty_like(source)
        found = timing.measure(lambda: target.copy_(source), self.device, self.settings, self.fixed)
        status, marks = results.quality(found.time_s, self.settings)
        is_right = torch.equal(source, target)
        shape = f"Tensor.copy_, 2 x {size >> 20} MiB; {found.how}"
        self.report["ceilings"].append({
            "id": "memory/copy",
            "value": 2 * size / found.time_s["q1"] if is_right else None,
            "unit": "B/s",
            "status": status if is_right else "failed",
            "reason": shape if is_right else "the copy differs from its source",
            "shape": shape,
            "counts": "bytes read and bytes written",
            "checks": "off",
            "work": 2.0 * size,
            "clock": found.clock,
            "time_s": found.time_s,
            "wall_s": found.wall_s,
            "discarded": found.discarded,
            "grid": [],
            "warnings": marks + found.warnings,
        })
        say("memory/copy", f"{2 * size / found.time_s['q1'] / 1e9:.1f} GB/s")

    def measure(self, given: dict) -> None:
        """Adds the rows of one problem: one for each call that PyTorch has for it here."""
        is_of_file = "flops" in given
        operation, dtype, label = given["operation"], given["dtype"], given.get("label", "")
        try:
            problem = shapes.parse(operation, dtype, label)
        except (shapes.Unsupported, ValueError) as error:
            row = results.bare_row(operation, dtype, label, given)
            row["reason"] = str(error) if label else "the file has no label of the shape; a newer ridgepoint writes one"
            return self.add(row)
        try:
            data = calls.Data(self.device, self.given.seed)
            operands = calls.operands(problem, data)
        except RuntimeError as error:
            row = results.row_of(problem, "", "", given if is_of_file else None)
            row.update(id=problem.id, reason=first_line(error))
            return self.add(row)
        found = calls.calls(problem, operands, self.given.backends, self.given.tf32)
        rows = [self.one(problem, call, operands, given if is_of_file else None) for call in found]
        # Backends that nobody asked for by name are shown where they are available.
        shown = [row for row in rows if row["status"] != "unsupported" or (self.given.backend and operation == "attention")]
        for row in shown or rows[:1]:
            self.add(row)
        del operands, found
        if self.device == "cuda":
            torch.cuda.empty_cache()

    def one(self, problem: shapes.Problem, call: calls.Call, operands: list, given: dict | None) -> dict:
        """One row: verified, then timed."""
        row = results.row_of(problem, call.kernel, call.about, given)
        with warnings.catch_warnings(record=True) as said:
            # What a backend cannot do, PyTorch says in warnings, and the error says only that it cannot.
            warnings.simplefilter("always")
            try:
                result = call.call()
                timing.synchronize(self.device)
            except (RuntimeError, NotImplementedError, TypeError) as error:
                row["reason"] = "; ".join([first_line(error), *(first_line(each.message) for each in said)])[:300]
                return row
        try:
            row["verified"] = verify(problem, operands, result, call.rounds_to_tf32)
            if not row["verified"]["ok"]:
                row.update(status="failed", reason="wrong result: " + row["verified"]["worst"])
                return row
            del result
            found = timing.measure(call.call, self.device, self.settings, self.fixed)
        except RuntimeError as error:
            row.update(status="failed", reason=first_line(error))
            return row
        row["status"], marks = results.quality(found.time_s, self.settings)
        row["choice"] = f"{call.about}; {found.how}"
        row.update(clock=found.clock, time_s=found.time_s, wall_s=found.wall_s)
        row.update(repeats=found.repeats, discarded=found.discarded, warnings=marks + found.warnings)
        return results.with_rates(row)

    def add(self, row: dict) -> None:
        self.report["rows"].append(row)
        seconds = row["time_s"] and row["time_s"]["median"]
        say(row["id"], f"{seconds * 1e3:.4f} ms" if seconds else f"{row['status']}: {row['reason']}")


def say(name: str, text: str) -> None:
    print(f"{name}: {text}", file=sys.stderr, flush=True)


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def first_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def memory_bytes(device: str) -> int:
    if device == "cuda":
        return torch.cuda.get_device_properties(0).total_memory
    return results.host()["memory_bytes"] or 8 << 30


def is_rocm() -> bool:
    return getattr(torch.version, "hip", None) is not None


def adapter(device: str) -> dict:
    """The device as a file of results describes it."""
    found = {
        "name": results.processor(), "vendor_id": 0, "device_id": 0, "type": "software", "backend": device,
        "driver": "unknown", "driver_info": "unknown", "subgroup_min": 0, "subgroup_max": 0,
        "features": [], "limits": {}, "cooperative_matrix": [], "timestamp_period_ns": None,
    }
    if device == "mps":
        found.update(type="integrated", driver="Metal", driver_info=f"macOS {platform.mac_ver()[0]}")
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found.update(
            name=torch.cuda.get_device_name(0),
            type="integrated" if getattr(properties, "is_integrated", False) else "discrete",
            backend="rocm" if is_rocm() else "cuda",
            vendor_id=0x1002 if is_rocm() else 0x10DE,
        )
        lanes = getattr(properties, "warp_size", 0)
        found.update(subgroup_min=lanes, subgroup_max=lanes)
        found.update(driver_of_nvidia(properties) if not is_rocm() else {"driver": "ROCm", "driver_info": torch.version.hip})
    return found


def driver_of_nvidia(properties) -> dict:
    """Version of the driver, and the device's number on PCI."""
    command = ["nvidia-smi", "--query-gpu=driver_version,pci.device_id", "--format=csv,noheader"]
    uuid = getattr(properties, "uuid", None)
    chosen = uuid and results.output_of(*command, "-i", f"GPU-{uuid}")
    line = (chosen or results.output_of(*command) or "").splitlines()
    version, _, device = line[0].partition(", ") if line else ("unknown", "", "")
    found = {"driver": "NVIDIA", "driver_info": version}
    if device.startswith("0x"):
        # Device in the upper half, vendor in the lower.
        found["device_id"] = int(device, 16) >> 16
    return found


def versions(device: str) -> str:
    parts = [f"PyTorch {torch.__version__}"]
    if device == "cuda" and is_rocm():
        parts.append(f"ROCm {torch.version.hip}")
    elif device == "cuda":
        parts.append(f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}")
    elif device == "cpu":
        parts.append(f"{torch.get_num_threads()} threads")
    if device == "cuda":
        parts.append("sums of f16 in f32")
    return ", ".join(parts)
