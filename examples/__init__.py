"""Networks that the documentation uses; resolved from the repository root."""
