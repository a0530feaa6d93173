"""`python -m plant_backend`."""

from plant_backend.cli import main

main()
