"""Pictures: one function a picture, each returns a matplotlib Figure and leaves pyplot's state alone.

The arguments are plain arrays, so that a picture can be drawn again from a saved data file:
`plot.pair_couplings(**np.load("out/lu2023/figure_2a.npz"))`. Colours are those of Okabe and Ito, which the
colour-blind can tell apart; signed maps are red and blue around white, others run from dark to light.
"""

from .bdg import currents as currents
from .bdg import direction_energies as direction_energies
from .bdg import energy_over_sphere as energy_over_sphere
from .bdg import exchange_estimate as exchange_estimate
from .bdg import gap_rotations as gap_rotations
from .bdg import rotations as rotations
from .film import plot_currents as plot_currents
from .film import plot_field as plot_field
from .film import plot_line_cuts as plot_line_cuts
from .flake import bias_images as bias_images
from .flake import edge_currents as edge_currents
from .flake import field_images as field_images
from .flake import parked_loop as parked_loop
from .flake import pulse_moments as pulse_moments
from .flake import warmed_moments as warmed_moments
from .impurities import coupling_temperature as coupling_temperature
from .impurities import current_and_field as current_and_field
from .impurities import lattice_orders as lattice_orders
from .impurities import lattice_sums as lattice_sums
from .impurities import pair_couplings as pair_couplings
from .impurities import pair_energies as pair_energies
from .impurities import phase_diagram as phase_diagram
from .walls import current_over_sphere as current_over_sphere
from .walls import wall_angles as wall_angles
from .walls import wall_positions as wall_positions
