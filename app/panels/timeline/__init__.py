"""The timeline: one lane per track over the time of the video."""

from app.panels.timeline.panel import TimelinePanel

__all__ = ["TimelinePanel"]
