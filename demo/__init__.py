"""The demo: the private cluster, the engine and the business API on one machine, as separate processes."""
