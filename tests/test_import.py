"""Importing the package computes, prints and configures nothing, and leaves the heavy libraries alone."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
import jax
before = dict(jax.config.values)
import scmag_jax
after = dict(jax.config.values)
changed = sorted(name for name in before if before[name] != after.get(name))
heavy = sorted({name.partition(".")[0] for name in sys.modules}
               & {"matplotlib", "scipy", "pint", "xarray", "diffrax", "pandas", "pydantic", "typer"})
from jax._src import xla_bridge
print(json.dumps({"changed": changed, "heavy": heavy, "started": xla_bridge.backends_are_initialized(),
                  "x64": jax.config.jax_enable_x64}))
"""


def test_import_is_silent_and_light():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    lines = run.stdout.splitlines()
    assert len(lines) == 1, f"the import printed: {lines[:-1]}"
    assert run.stderr == ""
    report = json.loads(lines[0])
    assert report == {"changed": [], "heavy": [], "started": False, "x64": False}
