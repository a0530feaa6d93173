"""The Plant Automation node agent for the Raspberry Pi."""

__version__ = "0.1.0"
