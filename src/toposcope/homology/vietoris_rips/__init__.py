"""Vietoris-Rips filtrations of points: pairs, loops, landmarks, and the distances they grow by."""
