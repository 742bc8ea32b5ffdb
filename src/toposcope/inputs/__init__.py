"""What users hand in, read once: arrays, labels and parameters, for every room above."""
