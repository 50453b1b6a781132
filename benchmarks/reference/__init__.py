"""Plain NumPy and SciPy calculations that the package is compared with: readable first, fast second."""
