"""The business API: people and work around the grid, and the web map.

Its own process and its own PostgreSQL database; it meets the engine over HTTP only and never imports it.
"""
