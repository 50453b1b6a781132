"""Superconductors with an altermagnet: Bogoliubov-de Gennes free energies in momentum space and on the lattice."""

from .model import Altermagnet as Altermagnet
from .uniform import UniformBdG as UniformBdG
from .uniform import UniformState as UniformState
from .uniform import pair_momentum as pair_momentum
