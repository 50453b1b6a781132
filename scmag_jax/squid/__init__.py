"""Scanning SQUIDs: flux images of a state, and susceptometry of a film."""

from .squid import Squid as Squid
from .susceptometry import susceptometry as susceptometry
