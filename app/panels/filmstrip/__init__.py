"""The filmstrip: stabilised patches of one track over time."""

from app.panels.filmstrip.panel import Filmstrip

__all__ = ["Filmstrip"]
