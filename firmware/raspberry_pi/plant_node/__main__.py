"""`python -m plant_node` is `plant-node`."""

import sys

from plant_node.cli import main

if __name__ == "__main__":
    sys.exit(main())
