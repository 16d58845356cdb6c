"""Curating a label set: the queue over its videos, opening them as projects, and what people made of them. No Qt."""
