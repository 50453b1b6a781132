"""The moment of a film in SuperScreen, the package for such films that is in use."""

import time
from pathlib import Path

import numpy as np
import superscreen as sc


def moment_job(sample, edge, buffer):
    """For `benchmarks.one_core`: moment in uA um^2 of a film of Lambda = 1 um in 1 mT, on edges of about `edge` um.

    `buffer` is how far the mesh reaches beyond the film: 0 um suits a film best, None is SuperScreen's own choice.
    """
    # corners of the outline as far apart as vertices inside
    if sample == "disk":
        points = sc.geometry.circle(5.0, points=round(10 * np.pi / edge))
    else:
        points = sc.geometry.box(10.0, points=round(40.0 / edge))
    film = sc.Polygon("film", layer="base", points=points)
    device = sc.Device("sample", layers=[sc.Layer("base", Lambda=1.0)], films=[film], length_units="um")
    start = time.perf_counter()
    device.make_mesh(max_edge_length=edge, buffer=buffer)
    making = time.perf_counter() - start
    mesh = device.meshes["film"]

    def call():
        field = sc.sources.ConstantField(1.0)
        solution = sc.solve(device, applied_field=field, field_units="mT", current_units="uA", progress_bar=False)[-1]
        moment = np.sum(mesh.vertex_areas * solution.film_solutions["film"].stream)
        return {"moment": moment, "making": making, "vertices": len(mesh.sites), "peak": _peak_resident()}

    return call


def _peak_resident():
    """GB, as `harness.peak_resident`, which needs jax."""
    status = Path("/proc/self/status")
    if not status.exists():
        return np.nan
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9
