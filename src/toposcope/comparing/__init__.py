"""Two or more networks, layer against layer: distances, similarities, tests, words."""
