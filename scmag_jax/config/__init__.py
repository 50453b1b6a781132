"""Run files: TOML that says what a command computes, validated as a whole before anything is computed."""

from .common import RunFileError as RunFileError
from .flake import FlakeRun as FlakeRun
from .flake import load_flake_run as load_flake_run
from .moments import Run as Run
from .moments import load_run as load_run
