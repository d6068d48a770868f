"""How a run is kept: traces, their files and their checks, and schema 1."""
