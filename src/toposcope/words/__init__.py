"""Sentences about results: pure functions of numbers that were computed elsewhere."""
