"""`rank`: candidates measured on shared draws of a target, and who is told apart from whom."""
