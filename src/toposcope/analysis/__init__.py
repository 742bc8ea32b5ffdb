"""`analyze`: from a RUN to the numbers of every layer."""
