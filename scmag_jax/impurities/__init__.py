"""Impurity moments on an infinite superconducting film (Lu, Tokatly and Bergeret, Phys. Rev. B 108, L180506)."""

from .coupling import ElementaryCoupling as ElementaryCoupling
from .coupling import PairGroundState as PairGroundState
from .coupling import PearlCoupling as PearlCoupling
from .coupling import keldysh as keldysh
from .ensemble import Ensemble as Ensemble
from .lattice import BravaisLattice as BravaisLattice
from .lattice import LatticeGroundState as LatticeGroundState
from .lattice import MagneticOrder as MagneticOrder
from .lattice import critical_angle as critical_angle
