"""Two networks or more, layer against layer: distances, similarities and their tests."""
