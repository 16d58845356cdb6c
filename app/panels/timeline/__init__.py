"""The timeline: one lane per track over the time of the video."""

from app.panels.timeline.panel import Timeline

__all__ = ["Timeline"]
