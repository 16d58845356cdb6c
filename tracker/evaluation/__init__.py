"""Measuring: speed on this machine, later accuracy."""
