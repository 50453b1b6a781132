"""Materials: BCS laws, helical bands, the spin-galvanic Gamma, and presets with sources."""

from .bands import DiracBand as DiracBand
from .bands import RashbaBand as RashbaBand
from .bands import pearl_length as pearl_length
from .bands import pearl_length_from_penetration_depth as pearl_length_from_penetration_depth
from .bcs import GAP_RATIO as GAP_RATIO
from .bcs import bcs_gap as bcs_gap
from .bcs import superfluid_weight as superfluid_weight
from .bcs import superfluid_weight_dirty as superfluid_weight_dirty
from .bcs import tanh_gap as tanh_gap
from .presets import Material as Material
from .presets import fe_se_te as fe_se_te
from .spin_galvanic import coupling_energy as coupling_energy
from .spin_galvanic import coupling_strength as coupling_strength
from .spin_galvanic import gamma_born as gamma_born
from .spin_galvanic import gamma_tmatrix as gamma_tmatrix
from .spin_galvanic import ysr_energy as ysr_energy
