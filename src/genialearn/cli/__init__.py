"""The command line: words become calls of library functions."""
