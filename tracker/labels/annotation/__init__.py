"""Formats of annotation tools, one file per tool."""
