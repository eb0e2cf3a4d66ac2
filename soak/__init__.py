"""Kill campaigns: real processes, ended at random moments, and what must be true afterwards."""
