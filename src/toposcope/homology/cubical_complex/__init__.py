"""Cubical complexes of images and volumes: Betti numbers at thresholds, and pairs."""
