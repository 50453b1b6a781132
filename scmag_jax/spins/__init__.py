"""Relaxation of any free energy of moments; this floor knows no model."""

from .relax import Relaxation as Relaxation
from .relax import relax as relax
