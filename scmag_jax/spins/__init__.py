"""Relaxation and dynamics of moments in any free energy; this floor knows no model."""

from . import schedules as schedules
from . import textures as textures
from .easy_plane import EasyPlane as EasyPlane
from .evolve import Evolution as Evolution
from .evolve import evolve as evolve
from .hysteresis import hysteresis as hysteresis
from .quasistatic import Quasistatic as Quasistatic
from .quasistatic import quasistatic as quasistatic
from .relax import Relaxation as Relaxation
from .relax import relax as relax
from .schedules import Schedule as Schedule
from .texture_energy import Anisotropy as Anisotropy
from .texture_energy import Exchange as Exchange
from .texture_energy import StaggeredField as StaggeredField
