"""The Fe(Se,Te) flake of Xiang et al. 2023: a film whose moments follow bias, field and temperature."""

from .disorder import correlated_normal as correlated_normal
from .flake import Flake as Flake
from .protocols import Measurements as Measurements
from .protocols import bias_loop as bias_loop
from .protocols import cool as cool
from .protocols import field_loop as field_loop
from .protocols import run as run
from .protocols import write_and_warm as write_and_warm
from .temperature import remaining_weight as remaining_weight
from .temperature import saturation as saturation
from .temperature import two_fluid as two_fluid
