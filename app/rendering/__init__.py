"""Pictures made of tracks: overlays, stabilised movies, contact sheets. Knows neither Qt nor torch."""
