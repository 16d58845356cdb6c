"""Formats of compositing and matchmove programs, one file per program."""
