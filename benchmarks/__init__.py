"""Measures the real backend process from outside, beside what somebody would write or run instead."""
