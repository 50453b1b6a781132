"""Relaxation and dynamics of moments in any free energy; this floor knows no model."""

from .evolve import Evolution as Evolution
from .evolve import evolve as evolve
from .relax import Relaxation as Relaxation
from .relax import relax as relax
