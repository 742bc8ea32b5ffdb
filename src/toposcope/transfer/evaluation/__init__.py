"""How far a ranking of models agrees with the accuracies they reached."""
