"""Numerical building blocks that know no physics."""
