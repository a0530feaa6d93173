"""Nudges between the parts of the backend."""
