"""scmag_jax: magnetism in spin-orbit-coupled superconductors as free energies that JAX compiles and differentiates.

Importing the package computes, prints and configures nothing. Results are meant for float64: switch it on with
`jax.config.update("jax_enable_x64", True)` before anything else.
"""

from . import flake as flake
from . import materials as materials
from . import units as units
from .bdg import Altermagnet as Altermagnet
from .bdg import GradientExpansion as GradientExpansion
from .bdg import LatticeBdG as LatticeBdG
from .bdg import LatticeEnergy as LatticeEnergy
from .bdg import LatticeObservables as LatticeObservables
from .bdg import LatticeState as LatticeState
from .bdg import UniformBdG as UniformBdG
from .bdg import UniformState as UniformState
from .bdg import graded_mesh as graded_mesh
from .bdg import gradient_expansion as gradient_expansion
from .bdg import pair_momentum as pair_momentum
from .energy import FreeEnergy as FreeEnergy
from .energy import field as field
from .energy import torque as torque
from .film import Film as Film
from .film import FilmEnergy as FilmEnergy
from .film import FilmState as FilmState
from .film import PeriodicFilm as PeriodicFilm
from .film import Terminal as Terminal
from .film import load_film as load_film
from .film import mask_from_image as mask_from_image
from .film import mask_from_polygons as mask_from_polygons
from .film import rim as rim
from .film import save_film as save_film
from .film import signed_distance as signed_distance
from .flake import Flake as Flake
from .impurities import BravaisLattice as BravaisLattice
from .impurities import ElementaryCoupling as ElementaryCoupling
from .impurities import Ensemble as Ensemble
from .impurities import LatticeGroundState as LatticeGroundState
from .impurities import MagneticOrder as MagneticOrder
from .impurities import PairGroundState as PairGroundState
from .impurities import PearlCoupling as PearlCoupling
from .impurities import critical_angle as critical_angle
from .impurities import keldysh as keldysh
from .materials import bcs_gap as bcs_gap
from .materials import superfluid_weight as superfluid_weight
from .solution import RESULTS as RESULTS
from .solution import Solution as Solution
from .sources import CurrentLoop as CurrentLoop
from .sources import MagneticDipole as MagneticDipole
from .spins import Anisotropy as Anisotropy
from .spins import EasyPlane as EasyPlane
from .spins import Evolution as Evolution
from .spins import Exchange as Exchange
from .spins import Quasistatic as Quasistatic
from .spins import Relaxation as Relaxation
from .spins import Schedule as Schedule
from .spins import StaggeredField as StaggeredField
from .spins import evolve as evolve
from .spins import hysteresis as hysteresis
from .spins import quasistatic as quasistatic
from .spins import relax as relax
from .spins import schedules as schedules
from .spins import textures as textures
from .squid import Squid as Squid
from .squid import susceptometry as susceptometry

__version__ = "0.1.0"
