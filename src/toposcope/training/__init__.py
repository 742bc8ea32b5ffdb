"""Small real trainings, so that there is something to look at without a download."""
