"""Superconductors with an altermagnet: Bogoliubov-de Gennes free energies in momentum space and on finite lattices."""

from .expansion import GradientExpansion as GradientExpansion
from .expansion import gradient_expansion as gradient_expansion
from .graded import graded_mesh as graded_mesh
from .lattice import LatticeBdG as LatticeBdG
from .lattice_energy import LatticeEnergy as LatticeEnergy
from .lattice_state import LatticeObservables as LatticeObservables
from .lattice_state import LatticeState as LatticeState
from .model import Altermagnet as Altermagnet
from .uniform import UniformBdG as UniformBdG
from .uniform import UniformState as UniformState
from .uniform import pair_momentum as pair_momentum
