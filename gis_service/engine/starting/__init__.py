"""From a process that has begun to one that answers: what broke off before, warming up, readiness."""
