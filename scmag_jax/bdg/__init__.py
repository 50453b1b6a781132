"""Superconductors with an altermagnet: Bogoliubov-de Gennes free energies in momentum space."""

from .expansion import GradientExpansion as GradientExpansion
from .expansion import gradient_expansion as gradient_expansion
from .graded import graded_mesh as graded_mesh
from .model import Altermagnet as Altermagnet
from .uniform import UniformBdG as UniformBdG
from .uniform import UniformState as UniformState
from .uniform import pair_momentum as pair_momentum
