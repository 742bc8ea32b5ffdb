"""From what a layer puts out to one vector, volume or token sequence per sample."""
