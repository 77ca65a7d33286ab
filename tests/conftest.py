"""Standing here, this file puts `tests/` on the import path, so that tests share their cohorts."""
