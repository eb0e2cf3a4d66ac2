"""Speed as ratios: each benchmark does the work of a peer in its best form, and both must answer alike."""
