"""`python -m toposcope.cli`."""

from toposcope.cli import main

if __name__ == "__main__":
    main()
