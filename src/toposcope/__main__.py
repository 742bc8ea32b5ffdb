"""`python -m toposcope` is the `toposcope` command."""

from toposcope.cli import main

if __name__ == "__main__":
    main()
