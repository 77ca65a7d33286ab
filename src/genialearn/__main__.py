"""`python -m genialearn`."""

from genialearn.cli.app import main

if __name__ == "__main__":
    main()
