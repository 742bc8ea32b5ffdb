"""Many independent tasks, each done exactly once in effect, on any number of workers."""
