"""The companion backend of Plant Automation."""

__version__ = "0.1.0"
