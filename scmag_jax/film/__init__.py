"""Superconducting films that carry an anomalous vector potential."""

from .periodic import PeriodicFilm as PeriodicFilm
