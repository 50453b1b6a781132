"""Superconducting films that carry an anomalous vector potential."""

from .drawing import mask_from_image as mask_from_image
from .drawing import mask_from_polygons as mask_from_polygons
from .energy import FilmEnergy as FilmEnergy
from .files import load_film as load_film
from .files import save_film as save_film
from .film import Film as Film
from .outlines import rim as rim
from .outlines import signed_distance as signed_distance
from .periodic import PeriodicFilm as PeriodicFilm
from .state import FilmState as FilmState
from .terminals import Terminal as Terminal
